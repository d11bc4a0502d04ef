"""Adobe's lists: one page, its figures and its links."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator.state import Json
from simulator.web import ProblemError

_DEFAULT_COUNT = 50


def page_of(request: Request, found: Sequence[Json], *, orderby: str) -> JSONResponse:
    """:param orderby: what the items are sorted by, unless the query names something else."""
    query = request.query_params
    try:
        count, page = max(int(query.get("count", _DEFAULT_COUNT)), 1), max(int(query.get("page", 0)), 0)
    except ValueError:
        raise ProblemError(400, "count and page must be numbers") from None
    links: Json = {"self": {"href": str(request.url)}}
    if len(found) > (page + 1) * count:
        links["next"] = {"href": str(request.url.include_query_params(page=page + 1, count=count))}
    shown = list(found[page * count : (page + 1) * count])
    details: Json = {
        "orderby": query.get("orderby", orderby),
        "count": len(shown),
        "page": page,
        "totalPages": -(-len(found) // count),
        "totalCount": len(found),
        "property": query.get("property", ""),
    }
    return JSONResponse({"data": shown, "_page": details, "_links": links})
