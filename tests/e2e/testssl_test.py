"""testssl.sh finds nothing above LOW in implicit TLS with a certificate of a test's own authority."""

import json
import subprocess

from submission import listener, top

# What a certificate of a test cannot have: an authority that is known, revocation, a public log.
OF_THE_TEST = {"cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_crlDistributionPoints", "cert_ocspURL",
               "cert_notAfter", "cert_extlifeSpan", "certificate_transparency", "DNS_CAArecord", "cert_validityPeriod",
               "cert_expirationStatus", "overall_grade"}
SEVERE = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def make_authority(directory):
    """An authority, and a certificate of it in place of the one that signs itself."""
    for command in (
            ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "90", "-subj", "/CN=Test authority",
             "-out", directory / "authority.pem", "-keyout", directory / "authority.key"],
            ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost",
             "-out", directory / "request.pem", "-keyout", directory / "cert.key"]):
        status, said = run("openssl", *command)
        assert status == 0, said
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n"
        "basicConstraints=CA:FALSE\n")
    status, said = run("openssl", "x509", "-req", "-in", directory / "request.pem", "-CA", directory / "authority.pem",
                       "-CAkey", directory / "authority.key", "-CAcreateserial", "-days", "90", "-sha256", "-extfile",
                       directory / "extensions", "-out", directory / "cert.pem")
    assert status == 0, said


def test_nothing_is_found_above_low(relay, server, directory):
    make_authority(directory)
    relaying = relay(server().address, top=top(directory), listener=listener("implicit"))
    found = directory / "findings.json"
    status, said = run("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1",
                       "--add-ca", directory / "authority.pem", "--connect-timeout", "20", "--openssl-timeout", "20",
                       "--jsonfile", found, f"localhost:{relaying.port}")
    assert found.exists(), said
    findings = json.loads(found.read_text())
    severe = [one for one in findings if one["severity"] in SEVERE and one["id"].split(" ")[0] not in OF_THE_TEST]
    assert not severe, json.dumps(severe, indent=1)
    # It looked: what a server of today has.
    by_id = {one["id"]: one["finding"] for one in findings}
    assert "offered" in by_id["TLS1_3"] and "not offered" in by_id["TLS1"] and "not offered" in by_id["SSLv3"], by_id
    assert relaying.program.is_running(), status
