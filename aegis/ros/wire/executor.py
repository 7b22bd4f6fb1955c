"""Executor of the wire: topics in the spinning thread, services in others.

rclpy's ``MultiThreadedExecutor`` hands each callback to a pool and looks for work again at once: a
callback whose thread has not begun yet is handed over a second time, and a third. Beside a busy
machine they become so many that messages wait for 0.2 s and a core is spent. Our callbacks of
topics only copy bytes; what waits, for the driver, are services.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.executors import (
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)
from rclpy.service import Service


class WireExecutor(Executor):  # type: ignore[misc]  # rclpy has no stubs
    """Runs callbacks of topics one after the other, and those of services beside them.

    Args:
        threads: Most services that are answered at a time; others wait.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(threads, "wire-service")
        self._handed: dict[Any, None] = {}

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Runs one callback, or waits for one.

        Args:
            timeout_sec: Longest wait [s]; None waits for ever.

        Raises:
            Exception: What a callback raised.
        """
        try:
            handler, entity, _ = self.wait_for_ready_callbacks(timeout_sec)
        except (ExternalShutdownException, ShutdownException, TimeoutException):
            return
        if not isinstance(entity, Service):
            handler()
            handler.result()
        elif handler not in self._handed:
            # Until its thread begins, it is found again by each look for work.
            self._handed[handler] = None
            self._pool.submit(handler)
        self._drop_answered()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Ends it; see rclpy. Services that wait are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return bool(super().shutdown(timeout_sec))

    def _drop_answered(self) -> None:
        for handler in [one for one in self._handed if one.done()]:
            del self._handed[handler]
            handler.result()
