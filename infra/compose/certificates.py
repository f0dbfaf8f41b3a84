"""The deployment's own certificate authority and one certificate a host (X.509, P-256)."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
HOST_DAYS = 825


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority:
    """Signs host certificates, from `now` on."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: datetime | None = None) -> None:
        self._certificate, self._key, self._now = certificate, key, now or datetime.now(UTC)

    @classmethod
    def made(cls, now: datetime | None = None) -> "Authority":
        """A new one."""
        key, now = ec.generate_private_key(ec.SECP256R1()), now or datetime.now(UTC)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name("Alliance Record deployment"))
            .issuer_name(_name("Alliance Record deployment"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, SHA256())
        )
        return cls(certificate, key, now)

    @classmethod
    def kept(cls, folder: Path) -> "Authority":
        """The one whose `ca.pem` and `key.pem` lie there: ours, or the organisation's own. ValueError, OSError."""
        key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{folder}/key.pem: an elliptic-curve key is needed (P-256)")
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        if certificate.public_key() != key.public_key():
            raise ValueError(f"{folder}: key.pem is not the key of ca.pem")
        return cls(certificate, key)

    def keep(self, folder: Path) -> None:
        (folder / "ca.pem").write_bytes(self.pem)
        (folder / "key.pem").write_bytes(_pem_key(self._key))

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(Encoding.PEM)

    def host(self, folder: Path, *names: str) -> None:
        """Writes cert.pem, key.pem and ca.pem for these names into `folder`."""
        key, now = ec.generate_private_key(ec.SECP256R1()), self._now
        alternatives: list[x509.GeneralName] = [x509.DNSName(n) for n in names] + [x509.IPAddress(ip_address("127.0.0.1"))]
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=HOST_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(both, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM)
        (folder / "cert.pem").write_bytes(pem)
        (folder / "key.pem").write_bytes(_pem_key(key))
        (folder / "ca.pem").write_bytes(self.pem)
        (folder / "keystore.pem").write_bytes(_pem_key(key) + pem + self.pem)
