"""Certificates for the tests, made by openssl: an authority, and what it signed well and badly."""

import pathlib
import ssl
import subprocess

CONFIG = """
[ca]
default_ca = the_ca
[the_ca]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """authority.make(name, san="DNS:localhost") signs one; .file is what a client trusts."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        (self.dir / "config").write_text(CONFIG.format(dir=self.dir))
        (self.dir / "index.txt").write_text("")
        self.file = self.dir / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", self.dir / "ca.key", "-out", self.file, "-subj", "/CN=test authority",
                      "-days", "2")

    def _openssl(self, *argv):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, timeout=30)

    def make(self, name, san, start=None, end=None):
        """Returns the server's ssl.SSLContext. `start` and `end` as in 20200101000000Z."""
        key, request, out = (self.dir / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                      "-out", request, "-subj", f"/CN={name}")
        extensions = self.dir / f"{name}.ext"
        extensions.write_text(f"subjectAltName = {san}\n")
        time = ["-startdate", start, "-enddate", end] if start else ["-days", "2"]
        self._openssl("ca", "-batch", "-config", self.dir / "config", "-in", request, "-out", out,
                      "-extfile", extensions, *time)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(out, key)
        return context
