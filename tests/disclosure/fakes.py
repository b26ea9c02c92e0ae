"""Secrets that nobody ever used: made from a digest, so that no scanner of the repository takes them for real ones."""

from __future__ import annotations

import base64
import json
from hashlib import sha512
from string import ascii_letters, ascii_uppercase, digits

LETTERS = ascii_letters + digits


def fake(begins: str, length: int, alphabet: str = LETTERS) -> str:
    """Give so many characters of an alphabet after a prefix; the same each time."""
    data = b"".join(sha512(f"{begins}{length}{part}".encode()).digest() for part in range(1 + length // 64))
    return begins + "".join(alphabet[byte % len(alphabet)] for byte in data[:length])


def jwt(**claims: object) -> str:
    """Give a JSON web token without a valid signature."""
    parts = ({"alg": "RS256", "kid": "k"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{fake('', 86)}"


def basic(user: str, password: str) -> str:
    """Give Base64 of user:password."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


AWS_KEY = fake("AKIA", 16, ascii_uppercase + digits)
PASSWORD = fake("", 14)
POD_TOKEN = jwt(iss="kubernetes/serviceaccount", sub="system:serviceaccount:shop:cart")
USER_TOKEN = jwt(sub="ada", name="Ada")
KEY_BODY = [fake(str(row), 63) for row in range(3)]
PEM = ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", *KEY_BODY, "-----END RSA PRIVATE KEY-----"]

# A secret, and a line as some program writes it, with the kind that should name it.
SECRETS: list[tuple[str, str, str]] = [
    ("aws-access-key", AWS_KEY, f"AWS_ACCESS_KEY_ID={AWS_KEY}"),
    ("secret-setting", fake("x", 39), f"aws_secret_access_key = {fake('x', 39)}"),
    ("google-api-key", fake("AIza", 35), f"maps: key={fake('AIza', 35)} accepted"),
    ("azure-secret", fake("a1b2Q~", 34), f"client secret {fake('a1b2Q~', 34)} read"),
    ("azure-secret", fake("", 86) + "==", f"DefaultEndpointsProtocol=https;AccountKey={fake('', 86)}==;x"),
    ("yandex-cloud-key", fake("AQVN", 36), f"api key {fake('AQVN', 36)}"),
    ("source-control-token", fake("ghp_", 36), f"git clone with {fake('ghp_', 36)}"),
    ("source-control-token", fake("glpat-", 20), f"registry login {fake('glpat-', 20)}"),
    ("service-token", fake("xoxb-", 40), f"SLACK={fake('xoxb-', 40)}"),
    ("service-token", fake("sk_live_", 24), f"stripe {fake('sk_live_', 24)}"),
    ("vault-token", fake("hvs.", 24), f'{{"vault":"{fake("hvs.", 24)}"}}'),
    (
        "cluster-join-token",
        fake("abcdef.", 16, "0123456789abcdef"),
        "kubeadm join 10.0.0.1:6443 --token " + fake("abcdef.", 16, "0123456789abcdef"),
    ),
    ("service-account-token", POD_TOKEN, f"Authorization: Bearer {POD_TOKEN}"),
    ("json-web-token", USER_TOKEN, f"id token {USER_TOKEN}"),
    ("url-password", PASSWORD, f"connecting to postgres://app:{PASSWORD}@db.prod.internal:5432/app"),
    ("url-password", PASSWORD, f"REDIS_URL=redis://:{PASSWORD}@cache:6379/0"),
    ("bearer-token", fake("", 40), f"curl -H 'Authorization: Bearer {fake('', 40)}'"),
    ("basic-credential", basic("ada", PASSWORD), f"Authorization: Basic {basic('ada', PASSWORD)}"),
    ("basic-credential", basic("ci", PASSWORD), f'{{"auths":{{"r.example":{{"auth":"{basic("ci", PASSWORD)}"}}}}}}'),
    ("announced-password", PASSWORD, f"A temporary password is generated for root@localhost: {PASSWORD}"),
    ("announced-password", PASSWORD, f"GENERATED ROOT PASSWORD: {PASSWORD}"),
    ("announced-password", PASSWORD, f"Using generated security password: {PASSWORD}"),
    ("announced-password", "123-456-789", " * Debugger PIN: 123-456-789"),
    ("secret-option", PASSWORD, f"exec: redis-server --requirepass {PASSWORD}"),
    ("secret-option", PASSWORD, f"argv ['mysqldump', '--password', '{PASSWORD}']"),
    ("secret-setting", PASSWORD, f"DB_PASSWORD={PASSWORD}"),
    ("secret-setting", PASSWORD, f'{{"level":"info","dbPassword":"{PASSWORD}"}}'),
    ("secret-setting", PASSWORD, f'msg="{{\\"password\\":\\"{PASSWORD}\\"}}"'),
    ("secret-setting", PASSWORD, f"GET /login?user=ada&password={PASSWORD} HTTP/1.1"),
    ("secret-setting", "correct horse battery", "passphrase='correct horse battery'"),
    ("secret-in-words", PASSWORD, f"пароль: {PASSWORD}"),
    ("secret-in-words", fake("", 32), f"X-Api-Key: {fake('', 32)}"),
    ("session-cookie", fake("", 32), f"Cookie: theme=dark; sessionid={fake('', 32)}; x=1"),
    ("private-key", PEM[0], PEM[0]),
]
