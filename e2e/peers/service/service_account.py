"""A service-account token as Kubernetes issues it, by an issuer of our own, and the access file by which a pod admits it."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from processes import run

ISSUER, AUDIENCE, NAMESPACE, NAME = "https://bench.invalid", "storagepool", "bench", "load"
SECONDS = 86_400  # that the token is valid for
OPENSSL_TIMEOUT = 60


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def encoded(part: dict[str, Any]) -> str:
    return base64url(json.dumps(part).encode())


def make_access(folder: Path) -> tuple[Path, Path]:
    """The access file (pool/auth/service_accounts/access_file.h) and the file with the token, both in `folder`."""
    key, claims_file, signature = folder / "issuer.key", folder / "claims", folder / "signature"
    run(["openssl", "genrsa", "-out", key, "2048"], timeout=OPENSSL_TIMEOUT)
    modulus = run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], timeout=OPENSSL_TIMEOUT)
    jwk = {
        "kty": "RSA",
        "kid": "bench",
        "alg": "RS256",
        "use": "sig",
        "n": base64url(bytes.fromhex(modulus.strip().partition("=")[2])),
        "e": base64url((65537).to_bytes(3, "big")),
    }
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "iat": now,
        "nbf": now,
        "exp": now + SECONDS,
        "sub": f"system:serviceaccount:{NAMESPACE}:{NAME}",
        "kubernetes.io": {"namespace": NAMESPACE, "serviceaccount": {"name": NAME, "uid": "bench"}},
    }
    signed = f"{encoded({'alg': 'RS256', 'kid': jwk['kid'], 'typ': 'JWT'})}.{encoded(claims)}"
    claims_file.write_text(signed)
    run(["openssl", "dgst", "-sha256", "-sign", key, "-out", signature, claims_file], timeout=OPENSSL_TIMEOUT)
    rule = {"namespace": NAMESPACE, "name": NAME, "scopes": ["read", "write"]}
    access = {"issuer": ISSUER, "audiences": [AUDIENCE], "keys": {"keys": [jwk]}, "serviceAccounts": [rule]}
    access_file, token_file = folder / "access.json", folder / "token"
    access_file.write_text(json.dumps(access))
    token_file.write_text(f"{signed}.{base64url(signature.read_bytes())}\n")
    return access_file, token_file
