#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""second_opinion.py <pki_papers>: a second opinion on certificates, by python3-cryptography."""
import hashlib, subprocess, sys, tempfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

papers = sys.argv[1]


def load(path):
    with open(path, "rb") as f:
        return x509.load_pem_x509_certificate(f.read())


def ext(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def run(*args):
    done = subprocess.run([papers, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def signed_by(certificate, authority):
    authority.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    assert certificate.issuer == authority.subject
    assert ext(certificate, x509.AuthorityKeyIdentifier).value.key_identifier == \
        ext(authority, x509.SubjectKeyIdentifier).value.key_identifier


with tempfile.TemporaryDirectory(prefix="abri-pki-") as d:
    run("make", d)
    authority, server = load(d + "/ca.pem"), load(d + "/server.pem")
    signed_by(authority, authority)
    signed_by(server, authority)
    basic = ext(authority, x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    usage = ext(authority, x509.KeyUsage)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "abri of example.com"
    years = (authority.not_valid_after_utc - authority.not_valid_before_utc).days / 365.25
    assert 19.9 < years < 20.1, years
    names = ext(server, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["backup.example.com", "*.example.net"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert list(ext(server, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]

    # A request that this library makes, with wishes that must come to nothing.
    key = ec.generate_private_key(ec.SECP256R1())
    wish = x509.CertificateSigningRequestBuilder() \
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])) \
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("abri:person:owner")]), True) \
        .sign(key, hashes.SHA256())
    with open(d + "/wish.csr", "wb") as f:
        f.write(wish.public_bytes(serialization.Encoding.PEM))
    said = run("certify", d, d + "/wish.csr", d + "/wish.pem")
    machine = load(d + "/wish.pem")
    signed_by(machine, authority)
    assert not list(machine.subject), machine.subject
    san = ext(machine, x509.SubjectAlternativeName)
    assert san.critical and [str(n.value) for n in san.value] == [said["uri"]]
    assert list(ext(machine, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert len(machine.extensions) == 6, machine.extensions
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert hashlib.sha256(spki).hexdigest() == said["pin"]
    assert "%032x" % machine.serial_number == said["serial"]
    assert int(machine.not_valid_before_utc.timestamp()) == int(said["not_before"])
    assert int(machine.not_valid_after_utc.timestamp()) == int(said["not_after"])
    assert run("read", d + "/wish.pem") == said

    # Requests of the room hold nothing but a key.
    with open(d + "/machine.csr", "rb") as f:
        request = x509.load_pem_x509_csr(f.read())
    assert request.is_signature_valid and not list(request.subject) and not list(request.extensions)
    with open(d + "/machine.key", "rb") as f:
        private = serialization.load_pem_private_key(f.read(), None)
    assert private.public_key() == request.public_key()
