from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskworker_classifyimage import cgroups

#: What version 1 says where there is no limit.
NO_LIMIT = 9223372036854771712


@dataclass
class Tree:
    """A `/proc/self` and trees of control groups in a folder."""

    root: Path
    own: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)

    @property
    def proc(self) -> Path:
        """The folder in place of `/proc/self`."""
        proc = self.root / "proc"
        proc.mkdir(exist_ok=True)
        (proc / "cgroup").write_text("\n".join([*self.own, ""]), encoding="ascii")
        (proc / "mountinfo").write_text("\n".join([*self.mounts, ""]), encoding="ascii")
        return proc

    def version_2(self, own: str, root: str = "/") -> None:
        """Mounts version 2 at "v2"."""
        self.own.append(f"0::{own}")
        self.mounts.append(f"31 23 0:26 {root} {self.root}/v2 rw shared:9 - cgroup2 cgroup2 rw")

    def version_1(self, controllers: str, own: str, root: str = "/") -> None:
        """Mounts controllers of version 1 at "v1"."""
        self.own.append(f"4:{controllers}:{own}")
        self.mounts.append(f"35 31 0:32 {root} {self.root}/v1 rw - cgroup cgroup rw,{controllers}")

    def write(self, folder: str, **files: object) -> None:
        """Writes files of a group, with "__" for the dots in their names."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = self.root / folder / name.replace("__", ".")
            path.write_text(f"{content}\n", encoding="ascii")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Without any groups."""
    return Tree(tmp_path)


def test_without_groups_there_is_no_limit(tree: Tree) -> None:
    """As on macOS and Windows, where there is no `/proc` either."""
    for proc in (tree.proc, tree.root / "absent"):
        assert cgroups.memory_limit_bytes(proc) is None
        assert cgroups.memory_left_bytes(proc) is None
        assert cgroups.usable_cores(proc) is None


def test_the_smallest_limit_of_the_group_and_those_above_it_counts(tree: Tree) -> None:
    """A slice of systemd limits the service in it, whatever the service itself may."""
    tree.version_2("/lab.slice/worker.service")
    tree.write("v2/lab.slice/worker.service", memory__max=800, memory__current=100)
    tree.write("v2/lab.slice", memory__max=500, memory__current=450)
    tree.write("v2/other.slice", memory__max=1)
    assert cgroups.memory_limit_bytes(tree.proc) == 500
    assert cgroups.memory_left_bytes(tree.proc) == 50
    tree.write("v2/lab.slice", memory__max="max")
    assert cgroups.memory_limit_bytes(tree.proc) == 800
    assert cgroups.memory_left_bytes(tree.proc) == 700


def test_a_process_is_slowed_down_above_the_high_limit(tree: Tree) -> None:
    """So that is the limit (`MemoryHigh` of systemd)."""
    tree.version_2("/")
    tree.write("v2", memory__max=800, memory__high=600, memory__current=0)
    assert cgroups.memory_limit_bytes(tree.proc) == 600


def test_files_in_the_kernels_cache_count_as_free(tree: Tree) -> None:
    """The kernel drops them as soon as a process needs the memory."""
    tree.version_2("/")
    table = "anon 300\nfile 500\ninactive_file 400"
    tree.write("v2", memory__max=1000, memory__current=900, memory__stat=table)
    assert cgroups.memory_left_bytes(tree.proc) == 500
    tree.write("v2", memory__current=2000)
    assert cgroups.memory_left_bytes(tree.proc) == 0


def test_version_1_has_a_tree_for_each_controller(tree: Tree) -> None:
    """Its number for "no limit" is larger than any machine."""
    tree.version_1("memory", "/docker/1f2e")
    tree.version_2("/")
    stat = "cache 1\ntotal_inactive_file 30"
    used = {"memory__usage_in_bytes": 50, "memory__stat": stat}
    tree.write("v1/docker/1f2e", memory__limit_in_bytes=200, **used)
    tree.write("v1", memory__limit_in_bytes=NO_LIMIT, **used)
    assert cgroups.memory_limit_bytes(tree.proc) == 200
    assert cgroups.memory_left_bytes(tree.proc) == 180
    assert cgroups.usable_cores(tree.proc) is None


@pytest.mark.parametrize("root", ["/docker/1f2e", "/elsewhere", "/../.."])
def test_a_container_sees_its_group_at_the_mount(tree: Tree, root: str) -> None:
    """Docker mounts the container's own group, whose path may be that of the host."""
    tree.version_1("cpu,memory", "/docker/1f2e", root)
    tree.write(
        "v1", memory__limit_in_bytes=200, cpu__cfs_quota_us=150000, cpu__cfs_period_us=100000
    )
    assert cgroups.memory_limit_bytes(tree.proc) == 200
    assert cgroups.usable_cores(tree.proc) == 2


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("50000 100000", 1),
        ("100001 100000", 2),
        ("max 100000", None),
        ("nonsense", None),
        ("1 0", None),
    ],
)
def test_a_quota_of_half_a_core_is_one_core(tree: Tree, quota: str, cores: int | None) -> None:
    """A bit more than one is two, "max" is no quota, and what is unknown is ignored."""
    tree.version_2("/")
    tree.write("v2", cpu__max=quota)
    assert cgroups.usable_cores(tree.proc) == cores


def test_a_quota_above_the_group_counts_too(tree: Tree) -> None:
    """Kubernetes sets one for the pod, and perhaps none for the container."""
    tree.version_2("/pod/container")
    tree.write("v2/pod/container", cpu__max="max 100000")
    tree.write("v2/pod", cpu__max="300000 100000")
    assert cgroups.usable_cores(tree.proc) == 3


def test_a_mount_with_a_blank_in_its_path_is_found(tree: Tree) -> None:
    """The kernel writes it as \\040."""
    tree.root = tree.root / "a folder"
    tree.version_2("/")
    tree.mounts[0] = tree.mounts[0].replace("a folder", r"a\040folder")
    tree.write("v2", memory__max=7)
    assert cgroups.memory_limit_bytes(tree.proc) == 7


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=st.text(), mounts=st.text(), content=st.text())
def test_no_text_of_a_kernel_keeps_the_worker_from_starting(
    tree: Tree, own: str, mounts: str, content: str
) -> None:
    """Whatever the files hold, there is a limit of at least 0 or none."""
    tree.version_2("/")
    proc = tree.proc
    for name, text in (("cgroup", own), ("mountinfo", mounts)):
        with (proc / name).open("a", encoding="utf-8") as file:
            file.write(text.encode(errors="replace").decode())
    tree.write("v2")
    (tree.root / "v2" / "memory.max").write_bytes(content.encode(errors="replace"))
    for number in (cgroups.memory_limit_bytes(proc), cgroups.memory_left_bytes(proc)):
        assert number is None or number >= 0
