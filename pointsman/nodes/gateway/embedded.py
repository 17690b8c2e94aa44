"""EmbeddedTransport: SmolLM2-135M in this process, for teams that reach no other model.

The model is tiny, so it is never asked for free prose: it chooses among words, actions and values
that stand in the conversation, and writes a sentence or two around copied figures.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pointsman.errors import ModelTimeout
from pointsman.nodes.gateway.embedded_llama import (
    Llama,
    Meter,
    Stopped,
    check_installed,
    load_model,
)
from pointsman.nodes.gateway.embedded_step import Written, act, choose, fill
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Usage


class EmbeddedTransport:
    """Runs the model in a thread of its own, one call at a time, and loads it at the first call.

    Deterministic and free of charge; a request's temperature is not used. `load` makes the model,
    for tests. Making one raises MissingExtra where the model's packages are not installed.
    """

    def __init__(self, load: Callable[[], Llama] | None = None) -> None:
        if load is None:
            check_installed()
        self._load = load or load_model
        self._llama: Llama | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._running: set[threading.Event] = set()

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Do the small jobs that make up the request. `read` gets the text as a whole: it is cut to
        sentences that hold, which shows at its end only.

        Raises ModelTimeout (the time spent waiting for earlier calls counts), ModelRejected for a
        conversation longer than the context, BadOutput where a required field has no value in the
        conversation or no whole sentence came.
        """
        began = time.perf_counter()
        stopped = threading.Event()
        meter = Meter()
        self._running.add(stopped)
        try:
            async with asyncio.timeout(timeout):
                work = self._thread().submit(self._do, request, stopped, meter)
                written = await asyncio.wrap_future(work)
        except TimeoutError as error:
            raise ModelTimeout(
                f"Model {model!r} gave no answer in {timeout:g} s.",
                hint="It answers one call at a time: allow more time, or ask less at once.",
            ) from error
        finally:
            # Also when the caller is cancelled: the thread stops at its next token.
            stopped.set()
            self._running.discard(stopped)
        if read is not None and written.text:
            read(written.text)
        return ModelReply(
            model=model,
            text=written.text,
            tool_calls=written.tool_calls,
            usage=Usage(meter.input_tokens, meter.output_tokens),
            usd=0.0,
            seconds=time.perf_counter() - began,
            probabilities=written.probabilities,
        )

    async def aclose(self) -> None:
        """Let the model go, after the token it is at. Safe to call twice; `send` loads it again."""
        for stopped in self._running:
            stopped.set()
        worker, self._worker, self._llama = self._worker, None, None
        if worker is not None:
            await asyncio.to_thread(worker.shutdown, wait=True, cancel_futures=True)

    def _thread(self) -> ThreadPoolExecutor:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="pointsman-embedded")
        return self._worker

    def _do(self, request: ModelRequest, stopped: threading.Event, meter: Meter) -> Written:
        """In the thread: the job for the shape that the request asks for."""
        if stopped.is_set():
            raise Stopped
        if self._llama is None:
            self._llama = self._load()
        llama = replace(self._llama, stopped=stopped, meter=meter)
        if request.choices:
            return choose(llama, request)
        if request.output_schema is not None:
            return fill(llama, request)
        return act(llama, request)
