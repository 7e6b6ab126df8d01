"""hookpoint in front of the recorder, with hooks that do as they are asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.proxy.e2e.hooks_on_demand import ON_DEMAND
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint
from tests.proxy.e2e.recorder import Recorder
from tests.proxy.e2e.serving import serve_in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStage:
    """hookpoint and the recorder behind it, which listens at `upstream`."""

    product: Product
    recorder: Recorder
    upstream: str

    async def ask(self, *, do: object = None, enrich: object = None, **parameters: str) -> httpx2.Response:
        """Ask for a token; `do` and `enrich` are wishes to the hooks."""
        wishes = {name: json.dumps(wish) for name, wish in (("do", do), ("enrich", enrich)) if wish is not None}
        form = {"grant_type": "client_credentials", "scope": "api:read api:write"} | parameters | wishes
        answer: httpx2.Response = await post_form(f"{self.product.url}/oauth/token", form, auth=("m2m", "secret"))
        return answer


@contextmanager
def run_recorder_stage(folder: Path, configuration: str = "", **recorder: Any) -> Iterator[RecorderStage]:
    """Run both; `configuration` comes behind [upstream]."""
    port = free_port()
    server = Recorder(**{"issuer": f"http://127.0.0.1:{port}"} | recorder)
    with serve_in_thread(server.app) as upstream:
        text = f'[upstream]\nurl = "{upstream}"\n{configuration}\n[[hooks]]\nrun = "hooks.py"\n'
        with run_hookpoint(folder, text, hooks=ON_DEMAND, port=port) as product:
            yield RecorderStage(product=product, recorder=server, upstream=upstream)
