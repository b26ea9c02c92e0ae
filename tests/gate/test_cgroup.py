from __future__ import annotations

import pytest

from tidewaiter.gate.cgroup import container_of, unit_of

ID, POD = "a1b2c3d4" * 8, "0123456789abcdef" * 4
V1 = "12:pids:{path}\n9:name=systemd:{path}\n0::/\n"


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (V1.format(path=f"/docker/{ID}"), ID),
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (f"0::/docker/{ID}\n", ID),
        (f"0::/docker/{ID}/docker/{POD}\n", POD),  # a daemon in a container
        (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope", ID),
        (f"0::/kubepods/besteffort/pod1/{ID}", ID),
        (f"0::/kubepods.slice/crio-{ID}.scope", ID),
        (f"0::/machine.slice/libpod-{ID}.scope/container", ID),
        (f"0::/machine.slice/libpod-conmon-{ID}.scope", None),  # stands beside it
        (f"0::/../{ID}", ID),  # seen from another cgroup namespace
        ("0::/system.slice/cron.service", None),
        (f"0::/user.slice/{ID}f", None),
        ("", None),
    ],
)
def test_the_container_by_the_name_of_its_group(text: str, container: str | None) -> None:
    assert container_of(text) == container


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/cron.service\n", "cron.service"),
        (V1.format(path="/system.slice/ssh.service"), "ssh.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/code.service", "code.service"),
        (f"0::/system.slice/docker-{ID}.scope", None),
        ("0::/init.scope", "init.scope"),
        ("0::/", None),
        ("nonsense", None),
    ],
)
def test_the_unit_of_a_process_of_the_host(text: str, unit: str | None) -> None:
    assert unit_of(text) == unit
