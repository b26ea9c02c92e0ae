from collections.abc import Sequence

import pytest

from tidewaiter.meaning.code import MAX_FOUND, read_code
from tidewaiter.meaning.setting import Setting
from tidewaiter.model import Meaning


def _run(words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Stand in for the reader of commands: a command is told by its own words."""
    return [Meaning(verb="exec", kind="+".join(words), traits=tuple(sorted(setting.traits)))]


PORT = "+engine-port +plaintext-tcp +raw-http +remote-endpoint"
SOCKET = "+local-socket +raw-http"


def _short(program: str, *words: str) -> list[str]:
    found = read_code(program, words, Setting(), _run)
    texts = [" ".join((said.verb, said.kind, *(f"+{trait}" for trait in said.traits))) for said in found]
    return [text.replace(PORT, "PORT").replace(SOCKET, "SOCKET") for text in texts]


@pytest.mark.parametrize(
    ("program", "code", "told"),
    [
        ("python", 'os.system("docker ps")', ["exec docker+ps +in-shell"]),
        ("python", 'os.system("docker " + x)', ["exec docker +in-shell"]),
        ("python", 'subprocess.run(["docker", "ps"])', ["exec docker+ps"]),
        ("python", 'subprocess.run(["docker"])', ["exec docker"]),
        ("python", 'os.system(r"docker\\x20ps")', ["exec dockerx20ps +in-shell"]),
        ("python", 'system("doc\\x6ber ps"); import docker', ["exec docker+ps +in-shell", "connect socket SOCKET"]),
        ("perl", "print `docker ps`", ["exec docker+ps +in-shell"]),
        ("perl", "qx/docker ps/", ["exec docker+ps +in-shell"]),
        ("awk", 'BEGIN { "docker ps" | getline }', ["exec docker+ps +in-shell"]),
        ("node", "x = `docker`", []),
        ("python", 'urlopen("http://10.0.0.9:2375/info")', ["get daemon PORT"]),
        ("python", 'requests.post("http://10.0.0.9:2375/containers/create")', ["create containers PORT"]),
        ("python", 's.connect("/run/docker.sock")', ["connect socket SOCKET"]),
        ("python", 's.connect("/run/docker.sock"); s.send("GET /info HTTP/1.0")', ["get daemon SOCKET"]),
        ("python", 's.connect("/run/crio/crio.sock"); s.send("GET /info HTTP/1.0")', ["connect socket SOCKET"]),
        ("python", "import docker; docker.from_env().networks.list()", ["list networks SOCKET"]),
        ("python", 'import docker; docker.from_env().containers.get("x")', ["get containers SOCKET"]),
        ("node", 'new (require("dockerode"))().listImages()', ["list images SOCKET"]),
        ("node", 'require("dockerode")', ["connect socket SOCKET"]),
        ("python", 'from kubernetes import client; v.list_namespaced_pod("x")', ["list pods +api-server +raw-http"]),
        ("python", 'from kubernetes import client; v.read_node("x")', ["get nodes +api-server +raw-http"]),
        ("python", "from kubernetes import client", ["connect api +api-server +raw-http"]),
        ("python", 'exec(b64decode("b3Muc3lzdGVtKCdkb2NrZXIgcHMnKQ=="))', ["exec docker+ps +encoded +in-shell"]),
        ("python", 'exec(bytes.fromhex("6f732e73797374656d2827646f636b65722729"))', ["exec docker +encoded +in-shell"]),
        ("python", 'exec(b64decode("====="))', []),
        ("python", "print(1)", []),
        ("python", "pytest", []),
    ],
)
def test_code(program: str, code: str, told: list[str]) -> None:
    assert _short(program, "-c", code) == told


def test_what_is_found_is_bounded() -> None:
    assert len(_short("python", "os.system('docker ps');" * 1000)) == MAX_FOUND
