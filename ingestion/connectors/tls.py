"""TLS to a department's server: which certificate authorities are trusted, and errors for rejected certificates.

A connection's `ca_file` (PEM) replaces the public certificate authorities; it holds a city's own authority and may
hold public ones too. Verification cannot be switched off.
"""

from __future__ import annotations

import ssl

from ingestion.connections import Connection
from ingestion.connectors.fetch_errors import FetchError
from ingestion.errors import ConfigurationError

_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
"""X509_V_ERR_* of OpenSSL, x509_vfy.h."""

_MESSAGES = {
    _EXPIRED: ("shows a certificate that has expired", "ask the department to renew its certificate"),
    _NOT_YET: (
        "shows a certificate that is not valid yet",
        "check this machine's clock, then ask the department for its certificate's dates",
    ),
    _OTHER_NAME: (
        "shows a certificate for another host name",
        "use the name the certificate is for in the connection's base URL, or ask the department to correct it",
    ),
}
_MESSAGES[_OTHER_ADDRESS] = _MESSAGES[_OTHER_NAME]


def context(connection: Connection | None, name: str | None) -> ssl.SSLContext | bool:
    """The `verify` argument for httpx. Raises ConfigurationError where the connection's `ca_file` cannot be used."""
    if connection is None or connection.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=connection.ca_file)
    except ssl.SSLError:
        why = "holds no certificate in PEM form"
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
    raise ConfigurationError(
        f"connection {name!r}: its ca_file {connection.ca_file!r} {why}",
        left="nothing was fetched",
        next_step="put the certificates of the city's authority there (-----BEGIN CERTIFICATE-----), "
        "readable by the account that runs tasks",
    )


def certificate_error(error: BaseException, where: str) -> FetchError | None:
    """The certificate error that made a connection fail; None where the connection failed for another reason."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    unknown = (
        f"shows a certificate of an authority that is not trusted here ({cause.verify_message})",
        "name the PEM file of the city's own authority as `ca_file` of the connection",
    )
    what, advice = _MESSAGES.get(cause.verify_code, unknown)
    return FetchError(what, where, advice=advice)
