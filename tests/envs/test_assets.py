"""The builtin asset pack: regenerated, complete, small, and physically that of LIBERO."""

import dataclasses
import io
import json
import pwd
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aegis.core.errors import AssetError, MachineError
from envs.assets import meshes, resolver, textures
from envs.assets.author import author_pack
from envs.assets.resolver import PACK, find_missing_files, resolve_assets
from envs.assets.robot_meshes import ROBOT, substitute_robot_meshes
from envs.assets.simplification import simplify_mesh, weld_vertices
from envs.assets.suite_files import list_model_files
from envs.libero.library import list_task_names
from envs.libero.scene_builder import instantiate_problem
from envs.libero.scene_loader import load_scene

SUITE = "libero_spatial"
OBJECT_DOFS = {"nq": 48, "nv": 43}  # 9 robot and 4 fixture joints, 5 free objects


def read_pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_regenerating_the_pack_changes_nothing() -> None:
    files = author_pack()
    committed = {
        path.relative_to(PACK).as_posix()
        for path in PACK.rglob("*")
        if path.is_file() and ROBOT not in path.parents and path.name != "LICENSES.md"
    }
    assert set(files) == committed
    for name, content in files.items():
        there = (PACK / name).read_bytes()
        if name.endswith(".png"):  # zlib versions may compress differently
            np.testing.assert_array_equal(read_pixels(content), read_pixels(there), err_msg=name)
        else:
            assert content == there, name


def test_the_pack_is_small() -> None:
    assert sum(path.stat().st_size for path in PACK.rglob("*") if path.is_file()) < 1_000_000


def test_every_robot_mesh_of_the_table_is_there() -> None:
    table = json.loads((ROBOT / "meshes.json").read_text())
    assert {path.name for path in ROBOT.glob("*.obj")} == set(table.values())


# ---------------------------------------------------------------- choosing


def test_builtin_is_complete_and_names_itself() -> None:
    assets = resolve_assets("builtin")
    assert (assets.name, assets.path) == ("builtin", PACK)
    assert "builtin assets in" in str(assets)


def test_unknown_choice_names_the_menu() -> None:
    with pytest.raises(AssetError, match="Allowed: builtin, auto, official, hub, or the path"):
        resolve_assets("/no/such/folder")


def test_incomplete_folder_names_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "pack")
    (tmp_path / "pack/stable_hope_objects/cookies/texture.png").unlink()
    with pytest.raises(AssetError, match=r"lack stable_hope_objects/cookies/texture\.png"):
        resolve_assets(str(tmp_path / "pack"))


def test_broken_model_is_named(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "pack")
    (tmp_path / "pack/articulated_objects/flat_stove.xml").write_text("<mujoco")
    with pytest.raises(AssetError, match=r"flat_stove\.xml' is no XML"):
        resolve_assets(str(tmp_path / "pack"))


def test_digest_follows_content(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "pack")
    assert resolve_assets(str(tmp_path / "pack")).digest == resolve_assets("builtin").digest
    texture = tmp_path / "pack/stable_scanned_objects/plate/texture.png"
    texture.write_bytes(texture.read_bytes()[:-1] + b"x")
    assert resolve_assets(str(tmp_path / "pack")).digest != resolve_assets("builtin").digest


def test_auto_prefers_the_named_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACK, tmp_path / "pack")
    monkeypatch.setenv(resolver.ASSETS_VARIABLE, str(tmp_path / "pack"))
    assert resolve_assets("auto").path == tmp_path / "pack"
    monkeypatch.setenv(resolver.ASSETS_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(AssetError, match="which is no folder"):
        resolve_assets("auto")


def test_auto_reads_libero_config_and_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(resolver.ASSETS_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LIBERO_CONFIG_PATH", str(tmp_path))
    monkeypatch.setattr(resolver, "find_spec", lambda name: None)
    assert resolve_assets("auto").name == "builtin"
    shutil.copytree(PACK, tmp_path / "pack")
    (tmp_path / "config.yaml").write_text(f"assets: {tmp_path / 'pack'}\ndatasets: x\n")
    assert resolve_assets("auto") == dataclasses.replace(
        resolve_assets("builtin"), name="official", path=tmp_path / "pack"
    )


@pytest.mark.parametrize(
    "content",
    [
        "assets: /data/\u00fc\n".encode("latin-1"),
        b"\xff\xfe\x00",
        b"assets: [\n",
        b"- assets\n",
        b"assets: 3\n",
        b"assets:\n  deep: x\n",
        b"assets: /nowhere/at/all\n",
        b"%!: odd\n\tassets : x",
        b"",
        b"!!python/object/apply:os.system ['touch /tmp/owned']\n",
    ],
)
def test_a_damaged_configuration_of_libero_is_passed_over(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(resolver.ASSETS_VARIABLE, raising=False)
    monkeypatch.delenv("LIBERO_CONFIG_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(resolver, "find_spec", lambda name: None)
    (tmp_path / ".libero").mkdir()
    (tmp_path / ".libero/config.yaml").write_bytes(content)
    assert resolve_assets("auto").name == "builtin"
    monkeypatch.setenv("LIBERO_CONFIG_PATH", str(tmp_path / ".libero/config.yaml"))  # no folder
    assert resolve_assets("auto").name == "builtin"


def test_without_a_home_the_builtin_assets_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise KeyError("uid not found")

    for name in (resolver.ASSETS_VARIABLE, "LIBERO_CONFIG_PATH", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", missing)
    monkeypatch.setattr(resolver, "find_spec", lambda name: None)
    assert resolve_assets("auto").name == "builtin"
    with pytest.raises(AssetError, match="HOME is not set"):
        resolve_assets("hub")
    with pytest.raises(MachineError, match="HOME is not set"):
        resolve_assets("~/assets")


def test_hub_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(resolver, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match="needs huggingface_hub, which is not installed"):
        resolve_assets("hub")


def test_missing_files_of_nothing_are_the_models(tmp_path: Path) -> None:
    assert set(list_model_files(SUITE)) <= set(find_missing_files(tmp_path))


# ---------------------------------------------------------------- in the simulator


@pytest.mark.parametrize("task", range(10))
def test_official_start_states_load_and_settle(task: int) -> None:
    scene = load_scene(SUITE, task, PACK, resolve_assets("builtin").digest)
    model = scene.model
    assert {"nq": model.nq, "nv": model.nv} == OBJECT_DOFS
    assert scene.official.shape == (50, 1 + model.nq + model.nv)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = np.split(scene.official[0][1:], [model.nq])
    for fixture in scene.fixtures:
        model.body_pos[fixture.body] = (np.mean(fixture.x), np.mean(fixture.y), fixture.z)
        yaw = np.mean(fixture.yaw) / 2.0
        model.body_quat[fixture.body] = (np.cos(yaw), 0.0, 0.0, np.sin(yaw))
    start = data.qpos[:9].copy()
    for _ in range(400):
        mujoco.mj_step(model, data)
        data.qpos[:9], data.qvel[:9] = start, 0.0  # the arm stays where it is
    assert np.abs(data.qvel).max() < 0.01
    for movable in scene.movables:
        upright = data.xmat[movable.body].reshape(3, 3)[2, 2]
        assert upright > 0.99, movable.name
        assert 0.89 < data.xpos[movable.body][2] < 1.15, movable.name


def test_light_robot_meshes_leave_the_physics_alone() -> None:
    xml = instantiate_problem(SUITE, list_task_names(SUITE)[0], PACK).model.get_xml()
    heavy = mujoco.MjModel.from_xml_string(xml)
    light = mujoco.MjModel.from_xml_string(substitute_robot_meshes(xml))
    for field in ("body_mass", "body_inertia", "body_ipos", "body_iquat", "dof_invweight0"):
        np.testing.assert_array_equal(getattr(heavy, field), getattr(light, field), err_msg=field)
    solid = heavy.geom_contype != 0
    for field in ("geom_pos", "geom_quat", "geom_size", "geom_aabb"):
        np.testing.assert_array_equal(getattr(heavy, field)[solid], getattr(light, field)[solid])
    assert drawn_faces(heavy) > 150_000
    assert drawn_faces(light) < 11_000


def drawn_faces(model: mujoco.MjModel) -> int:
    drawn = (model.geom_group == 1) & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)
    return int(model.mesh_facenum[model.geom_dataid[drawn]].sum())


# ---------------------------------------------------------------- shapes


def make_sphere() -> meshes.Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    curve = [(max(np.cos(a), 0.0), np.sin(a)) for a in angle]
    return meshes.revolve_curves([curve], 24)


def measure_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.sum(a * np.cross(b, c)) / 6.0)


@given(st.tuples(*[st.floats(0.01, 2.0)] * 3), st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_a_box_has_its_volume_and_faces_outwards(
    half: tuple[float, float, float], center: tuple[float, float, float]
) -> None:
    mesh = meshes.make_box(center, half)
    assert measure_volume(mesh.vertices, mesh.faces) == pytest.approx(8.0 * np.prod(half), rel=1e-9)
    assert np.all(np.sum((mesh.vertices - center) * mesh.normals, axis=1) > 0.0)


def test_a_revolved_sphere_faces_outwards() -> None:
    mesh = make_sphere()
    assert measure_volume(mesh.vertices, mesh.faces) == pytest.approx(4.0 / 3.0 * np.pi, rel=0.05)
    assert np.min(np.sum(mesh.vertices * mesh.normals, axis=1)) > 0.9


@pytest.mark.parametrize(("target", "loss"), [(400, 0.08), (200, 0.12), (80, 0.25)])
def test_simplifying_keeps_the_shape(target: int, loss: float) -> None:
    vertices, faces = weld_vertices(make_sphere().vertices, make_sphere().faces)
    coarse, few = simplify_mesh(vertices, faces, target)
    assert len(few) <= target
    assert measure_volume(coarse, few) == pytest.approx(4.0 / 3.0 * np.pi, rel=loss)
    assert np.all(np.abs(np.linalg.norm(coarse, axis=1) - 1.0) < 0.05)


def test_png_round_trip() -> None:
    image = textures.draw_cookie_lid(96)
    np.testing.assert_array_equal(read_pixels(textures.encode_png(image)), image)


@given(st.integers(0, 1000))
def test_noise_is_in_range_and_periodic(seed: int) -> None:
    field = textures.value_noise(32, (4, 4), seed)
    assert field.min() >= 0.0
    assert field.max() <= 1.0
    assert np.abs(field[0] - field[-1]).max() < 0.5
