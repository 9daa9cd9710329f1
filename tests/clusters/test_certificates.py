from __future__ import annotations

import datetime as dt
import stat
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from bindery.clusters.certificates import make_certificates

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def test_the_certificate_is_signed_by_the_authority_for_a_week(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", NOW)
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert certificate.not_valid_before_utc == NOW - dt.timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW + dt.timedelta(days=7)
    assert PolicyBuilder().store(Store([authority])).time(NOW).build_client_verifier()


def test_only_the_user_can_read_them_and_the_authority_cannot_sign_again(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", NOW)
    files = sorted(path.name for path in (tmp_path / "tls").iterdir())
    assert files == ["authority.pem", "certificate.pem", "key.pem"]
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.authority, made.certificate, made.key)} == {0o600}


def test_two_clusters_have_nothing_in_common(tmp_path: Path) -> None:
    first, second = (make_certificates(tmp_path / name, NOW) for name in "ab")
    assert first.key.read_bytes() != second.key.read_bytes()
    assert first.authority.read_bytes() != second.authority.read_bytes()


def test_dask_gets_a_pair_of_variables_for_each_role(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", NOW)
    assert made.environ("CLIENT") == {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(made.authority),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": str(made.certificate),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": str(made.key),
    }
