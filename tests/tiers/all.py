"""[all]: a folder without the repository in which doctor, demo, run and studies work."""

from __future__ import annotations

from pathlib import Path

from tests.tiers.asking import check_installed, import_rooms, type_in

FEW = ("env.assets=builtin", "tasks=[3,7]", "units=2", "workers=1")

if __name__ == "__main__":
    check_installed()
    import_rooms("aegis", "envs", "policies")
    assert type_in("doctor")["ok"]
    shown = type_in("demo", *FEW, "film.size=64")
    assert shown["out"] == "runs/demo"
    again = type_in("run", *FEW, "name='läuft'")
    assert again["episodes"] == 2
    assert Path("runs/läuft/episodes.parquet").is_file()
    checked = type_in("study", "verify", str(Path("runs/reference").resolve()), "sample=0")
    assert checked["verified"], checked
