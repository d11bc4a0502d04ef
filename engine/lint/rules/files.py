"""Pictures and video as files: what they are called, how they are sent, whether they are what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import BANNER, LOGO, OPT_IN, VIDEO
from engine.lint.pictures import is_video, other_kind
from engine.lint.rule import Hit, error, warning
from engine.lint.rules.pictures import picture_of
from engine.lint.sources import AWS_VIDEO, ONBOARDING, OURS
from providers.web.types import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Address, Case
    from engine.lint.facts import Content
    from providers.web.types import NoAnswer

EXTENSIONS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}


@warning(
    "picture-extension",
    "A picture's name says the format that it has",
    OURS,
    why="Some upload forms look at the name only, and a wrong one is refused there or served with a wrong content type.",
    cure="rename the file after its format, or save it in the format of its name",
).contents(LOGO, BANNER)
def picture_extension(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    picture = picture_of(content)
    extension = address.file_name.rpartition(".")[2].lower() if "." in address.file_name else ""
    if picture and picture.is_allowed and extension and EXTENSIONS.get(extension) != picture.format:
        yield Hit(address.loc, f"ends in .{extension[:10]} but holds a {picture.format} picture")


@warning(
    "picture-moves",
    "Logo and banner do not move",
    OURS,
    why="Handsets show the first frame, or refuse the picture.",
    cure="export a single frame",
).contents(LOGO, BANNER)
def picture_moves(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    picture = picture_of(content)
    if picture and picture.is_allowed and picture.frames > 1:
        yield Hit(address.loc, f"has {picture.frames} frames")


@error(
    "opt-in-picture-type",
    "The opt-in picture is a picture",
    ONBOARDING,
    why="Google asks for the address of a picture that shows where customers consent; a page may look different tomorrow.",
    cure="take a screenshot of the place where customers consent and give its address",
).contents(OPT_IN)
def opt_in_picture_type(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    if picture_of(content) is None:
        yield Hit(address.loc, f"is {other_kind(content.body)}, not a picture")


@warning(
    "video-type",
    "The video's address answers with a video",
    ONBOARDING,
    AWS_VIDEO,
    why="Reviewers must see the conversation and the opt-out; a wrong video is a frequent reason for denial. A page of a video site may do (inference), but may also ask the reviewer to log in.",
    cure="give the address of the video file itself (MP4), or check in a private window that the page plays",
).contents(VIDEO)
def video_type(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    if not is_video(content.body):
        yield Hit(address.loc, f"is {other_kind(content.body).replace('picture', 'video')}, not a video")


@warning(
    "picture-content-type",
    "The server says that a picture is a picture",
    OURS,
    why="Handsets and vendors' fetchers may go by the content type.",
    cure="let the server send Content-Type: image/png or image/jpeg",
).answers(LOGO, BANNER)
def picture_content_type(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if (
        isinstance(answer, Answer)
        and answer.status == 200
        and not answer.content_type.startswith(("image/png", "image/jpeg"))
    ):
        said = answer.content_type.partition(";")[0][:60] or "nothing"
        yield Hit(address.loc, f"is sent with content type {said}")


@error(
    "logo-is-banner",
    "Logo and banner are two pictures",
    ONBOARDING,
    why="They have different sizes, so that one address cannot be right for both.",
    cure="give each its own picture",
).spec
def logo_is_banner(case: Case) -> Iterator[Hit]:
    if case.profile and case.profile.logo_url == case.profile.banner_url:
        yield Hit(case.of(BANNER)[0].loc, "is the address of the logo too")
