"""AJO's ways of signing in at the bridge, each used by a proof of AJO; mTLS ends at a proxy, as it does in production."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from types import SimpleNamespace

import httpx
import jwt
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

import gateway.lines
from engine import kinds
from tests.factories import spec_data
from tests.integration.house import House
from tests.integration.services import Simulator, eventually, free_port
from tests.integration.simulator_fixture import CLIENT_ID, CLIENT_SECRET, ORGANIZATION

HANDSET = "+12125550177"
ADOBE = "ajo-sms.aep-mtls.adobe.com"
PROXY_ADDRESS = "127.0.0.2"
# Making one takes longer than a request.
TLS = ssl.create_default_context()


class Proxy:
    """What stands before a gateway: it alone knows the client certificate. Its caller's own word on it is dropped."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.target = ""
        self.certificate: str | None = None
        self.token_calls = 0
        app = Starlette(routes=[Route("/{path:path}", self.forward, methods=["GET", "POST", "PUT"])])
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="warning", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    async def forward(self, request):
        dropped = {"host", "content-length", "x-client-cert-subject"}
        headers = [(name, value) for name, value in request.headers.items() if name not in dropped]
        if self.certificate is not None:
            headers.append(("X-Client-Cert-Subject", f"CN={self.certificate},O=Adobe"))
        self.token_calls += request.url.path.endswith("/oauth/token")
        body = await request.body()
        # The gateway checks Twilio's signature against the path and query as they were written.
        url = self.target + request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        transport = httpx.AsyncHTTPTransport(verify=TLS, local_address=PROXY_ADDRESS)
        async with httpx.AsyncClient(transport=transport, timeout=20) as client:
            answer = await client.request(request.method, url, content=body, headers=headers)
        return Response(answer.content, answer.status_code, {"content-type": answer.headers.get("content-type", "")})

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway.lines, "KNOWN_SECONDS", 0.05)
    monkeypatch.setattr(gateway.lines, "DOUBTED_SECONDS", 0.05)
    simulator, proxy = Simulator(tmp_path), Proxy()
    house = House(tmp_path, simulator, public_url=proxy.url, mtls_proxies=f"10.0.0.0/8, {PROXY_ADDRESS}")
    proxy.target = f"http://127.0.0.1:{house.settings.gateway_port}"
    yield SimpleNamespace(simulator=simulator, proxy=proxy, house=house)
    simulator.stop()
    house.close()
    proxy.close()


def declare(house, *, is_update, **credential):
    """Until AJO has the credential with this way of signing in, and a channel configuration that uses it."""
    ajo = spec_data("rcs")["ajo"]
    house.start("rcs", "acme", is_update=is_update, ajo=ajo | {"credential": ajo["credential"] | credential})

    def is_set_up():
        return {step.state for step in house.steps("acme") if step.name != "verification"} == {"succeeded"}

    house.run_until(is_set_up, what="the credential is set up")


def prove(simulator, campaign):
    """Let AJO send a proof; what became of it there."""
    known = len(simulator.ledger["ajo_messages"])
    with httpx.Client(base_url=simulator.url, verify=TLS, trust_env=False, timeout=20) as http:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        form["scope"] = "openid,additional_info.projectedProductContext"
        token = http.post("/ims-na1.adobelogin.com/ims/token/v3", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "x-api-key": CLIENT_ID}
        headers |= {"x-gw-ims-org-id": ORGANIZATION, "x-sandbox-name": "prod"}
        data = [{"channel": "sms", "phoneNumbers": [HANDSET]}]
        body = {"recipients": [{"userId": "ann", "namespace": "Email", "channelsData": data}]}
        http.post(f"/platform.adobe.io/ajo/simulations/campaigns/{campaign}/proofs", headers=headers, json=body)

    def done():
        messages = simulator.ledger["ajo_messages"]
        return (
            messages[-1] if len(messages) > known and (messages[-1]["http_status"] or messages[-1]["error"]) else None
        )

    return eventually(done, within=15, what="the proof is sent")


def test_ajo_signs_in_by_the_declared_way_and_the_way_before_is_refused_from_then_on(world):
    house, simulator, proxy = world.house, world.simulator, world.proxy
    declare(house, is_update=False)
    row = house.onboarding("acme")
    with house.db.begin() as connection:
        token = house.vault.read(connection, row.id, kinds.BRIDGE_TOKEN)
    made = {"name": "hello", "channel_configuration": "acme_config", "text": "Hello from AJO"}
    campaign = simulator.post("campaigns", made)["campaign_id"]
    address = f"/ajo/{row.endpoint_token}"

    def access_token(**options):
        return httpx.post(f"{proxy.target}{address}/oauth/token", timeout=20, verify=TLS, trust_env=False, **options)

    def status(headers):
        body = {"to": HANDSET, "message": "Hello", "reference": "by-hand"}
        answer = httpx.post(
            f"{proxy.target}{address}/messages", json=body, headers=headers, timeout=20, verify=TLS, trust_env=False
        )
        assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)
        return answer.status_code

    claims = {"iss": "5105A7E0C0FFEE@AdobeOrg", "sub": "acme", "aud": f"{proxy.url}{address}/messages"}
    ask = {"grant_type": "client_credentials", "client_id": "acme", "client_secret": token}
    proofs = {
        "api_key": lambda: {"X-Onboard-Token": token},
        "basic": lambda: {"Authorization": "Basic " + base64.b64encode(f"acme:{token}".encode()).decode()},
        "bearer": lambda: {"Authorization": f"Bearer {token}"},
        "jwt": lambda: {"Authorization": "Bearer " + jwt.encode(claims | {"exp": time.time() + 60}, token, "HS256")},
        "oauth": lambda: {"Authorization": f"Bearer {access_token(data=ask).json()['access_token']}"},
    }
    before = None
    for way, proof in proofs.items():
        if before:
            declare(house, is_update=True, auth=way)
        message = prove(simulator, campaign)
        assert (message["http_status"], message["error"]) == (200, None), way
        assert status(proof()) in (200, 409)
        if before:
            assert status(before) == 401, way
        before = proof()

    # The token is kept until it expires, and the endpoint speaks RFC 6749 in JSON and as a form.
    prove(simulator, campaign)
    assert proxy.token_calls == 1
    answer = access_token(json=ask)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    refused = access_token(json=ask | {"client_secret": "wrong"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert access_token(data=ask | {"grant_type": "password"}).json()["error"] == "unsupported_grant_type"
    assert access_token(data=ask | {"client_id": ["acme", "x"]}).json()["error"] == "invalid_request"
    assert access_token(content=b"x").status_code == 415

    # With mTLS, the proxy's word is needed too; the token endpoint does not ask for it.
    declare(house, is_update=True, auth="oauth", mtls=True)
    assert "client certificate is missing" in prove(simulator, campaign)["error"]
    assert access_token(json=ask).status_code == 200
    proxy.certificate = ADOBE
    assert prove(simulator, campaign)["http_status"] == 200
    declare(house, is_update=True, auth="none", mtls=True)
    assert prove(simulator, campaign)["http_status"] == 200
    assert access_token(json=ask).json()["error"] == "unauthorized_client"
    # Past the proxy anybody can write that header.
    assert status({"X-Client-Cert-Subject": f"CN={ADOBE}"}) == 401
    proxy.certificate = "somebody.example"
    assert "is not that of" in prove(simulator, campaign)["error"]
