"""AWS calls: shapes, signature and credentials by botocore, the call itself on our own transport.

botocore brings the official request and answer shapes, Signature Version 4 and every way of finding credentials; its own
HTTP stack blocks, so it is not used.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2

from hookpoint.providers.errors import Misconfigured
from hookpoint.providers.exchange import Answer
from hookpoint.providers.extras import require, silence
from hookpoint.providers.http_provider import HttpProvider
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings(HttpSettings):
    """Region and credentials; without keys AWS' usual chain is followed (environment, profile, container, instance)."""

    region: str = setting("AWS region, such as eu-central-1")
    access_key_id: str | None = setting("access key; default: AWS' usual chain", default=None)
    secret_access_key: str | None = setting("secret of the access key", default=None, secret=True)
    session_token: str | None = setting("token of temporary credentials", default=None, secret=True)
    profile: str | None = setting("profile of the shared AWS files", default=None)
    endpoint_url: str | None = setting("address of the service; default: that of the region", default=None)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("'access_key_id' and 'secret_access_key' must be set together")


class Service:
    """One operation of one AWS service, encoded and decoded by botocore's model of it."""

    def __init__(self, settings: AwsSettings, service: str, operation: str, *, provider: str) -> None:
        self._settings = settings
        self._provider = provider
        for logger in ("botocore.parsers", "botocore.auth"):
            silence(logger)
        session = require("botocore.session", extra="aws", provider=provider)
        self._session = session.Session(profile=settings.profile)
        if settings.access_key_id:
            self._session.set_credentials(settings.access_key_id, settings.secret_access_key, settings.session_token)
        model = require("botocore.model", extra="aws", provider=provider)
        loader = self._session.get_component("data_loader")
        self._model = model.ServiceModel(loader.load_service_model(service, "service-2"), service)
        self._operation = self._model.operation_model(operation)
        protocol = self._model.resolved_protocol
        self._serializer = require("botocore.serialize", extra="aws", provider=provider).create_serializer(protocol)
        self._parser = require("botocore.parsers", extra="aws", provider=provider).create_parser(protocol)
        self._auth = require("botocore.auth", extra="aws", provider=provider)
        self._request_type = require("botocore.awsrequest", extra="aws", provider=provider).AWSRequest

    async def call(self, provider: HttpProvider, parameters: dict[str, object]) -> tuple[Answer, dict[str, Any]]:
        """Sign and send; the second value is botocore's reading of the answer, with its ``Error`` member."""
        # Finding credentials may read files and ask the instance's metadata service.
        request = await asyncio.to_thread(self._sign, parameters)
        answer = await provider.exchange(request)
        parts = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        try:
            parsed = self._parser.parse(parts, self._operation.output_shape)
            shape = self._model.shape_for_error_code(parsed.get("Error", {}).get("Code", ""))
            if shape is not None:
                parsed |= self._parser.parse(parts, shape)
        except Exception:  # noqa: BLE001 - botocore raises its own and its XML reader's errors for foreign bodies
            parsed = {}
        return answer, parsed

    def _sign(self, parameters: dict[str, object]) -> httpx2.Request:
        encoded = self._serializer.serialize_to_request(parameters, self._operation)
        body = encoded["body"]
        if isinstance(body, dict):
            body = httpx2.QueryParams(body).__str__().encode("ascii")
        request = self._request_type(
            method=encoded["method"], url=self._endpoint() + encoded["url_path"], data=body, headers=encoded["headers"]
        )
        credentials = self._session.get_credentials()
        if credentials is None:
            raise Misconfigured("AWS credentials were not found", provider=self._provider)
        signer = self._auth.SigV4Auth(
            credentials.get_frozen_credentials(), self._model.signing_name, self._settings.region
        )
        signer.add_auth(request)
        return httpx2.Request(request.method, request.url, content=body, headers=dict(request.headers.items()))

    def _endpoint(self) -> str:
        settings = self._settings
        if settings.endpoint_url:
            return settings.endpoint_url.rstrip("/")
        suffix = "amazonaws.com.cn" if settings.region.startswith("cn-") else "amazonaws.com"
        return f"https://{self._model.endpoint_prefix}.{settings.region}.{suffix}"
