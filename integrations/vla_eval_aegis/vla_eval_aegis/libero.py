"""LIBERO: vla-eval's own benchmark, told where its assets lie; nothing else is changed."""

from __future__ import annotations

from typing import Any

from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark


class AegisLibero(LIBEROBenchmark):  # type: ignore[misc]  # untyped here
    """LIBERO that needs neither a container nor a download.

    Args:
        assets: ``builtin``, ``auto``, ``hub`` or a folder; see ``envs.assets.resolver``.
        **params: Parameters of ``LIBEROBenchmark``.
    """

    def __init__(self, assets: str = "builtin", **params: Any) -> None:
        super().__init__(**params)
        self._assets = assets

    def _init_libero(self) -> None:
        """Imports LIBERO with the chosen assets, then lets the benchmark do what it does."""
        if self._task_suite is None:
            from envs.assets.resolver import resolve_assets
            from envs.libero.library import import_libero_envs

            import_libero_envs(resolve_assets(self._assets).path)
        super()._init_libero()
