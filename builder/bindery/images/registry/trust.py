"""Whose certificates are trusted: the variables that users of httpx, requests and curl set, in this order."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOLDER = "SSL_CERT_DIR"


def trusted_certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return what checks a server's certificate.

    Raises:
        BadInput: a variable names no certificates.

    """
    for name in (*FILES, FOLDER):
        value = environ.get(name)
        if not value:
            continue
        path = Path(value)
        try:
            if path.is_dir():
                return ssl.create_default_context(capath=value)
            return ssl.create_default_context(cafile=value)
        except OSError as error:  # an ssl.SSLError is one as well
            raise BadInput("holds no certificates that can be read", f"{name}={value}") from error
    return httpx.create_ssl_context(trust_env=False)
