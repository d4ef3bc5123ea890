"""TLS: connections through it, and certificates made by openssl and gone with the test."""

import os
import ssl
import subprocess

from .resp import Connection
from .server import TemporaryDirectory


class TlsConnection(Connection):
    """After the handshake; `context` says what is believed and shown."""

    def __init__(self, address, context, name="localhost", timeout=30.0):
        super().__init__(address, timeout)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
        except BaseException:
            self.close()
            raise

    def certificate_serial(self):
        return self.socket.getpeercert()["serialNumber"]

    def version(self):
        return self.socket.version()


class Certificates:
    """Files in a directory: CA.crt for each authority, NAME.crt and NAME.key for what it issues."""

    def __init__(self):
        self.directory = TemporaryDirectory()

    def remove(self):
        self.directory.remove()

    def certificate(self, name):
        return self.directory / f"{name}.crt"

    def key(self, name):
        return self.directory / f"{name}.key"

    def authority(self, name="ca"):
        """Makes it when it is asked for first."""
        path = self.certificate(name)
        if not os.path.exists(path):
            self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-subj", "/CN=Authority of the test", "-days", "2",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                      "-keyout", self.key(name), "-out", path)
        return path

    def issue(self, name, common_name="localhost", days=1, authority="ca"):
        """For localhost, from now on; with days=-1 it has expired."""
        authority_path = self.authority(authority)
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-subj", f"/CN={common_name}", "-keyout", self.key(name), "-out", request)
        self._run("x509", "-req", "-in", request, "-CA", authority_path,
                  "-CAkey", self.key(authority), "-CAcreateserial", "-days", str(days),
                  "-extfile", extensions, "-out", self.certificate(name))

    def files(self):
        """Directives of a server that shows "server"."""
        return {"tls_cert_file": self.certificate("server"), "tls_key_file": self.key("server"),
                "tls_ca_cert_file": self.authority()}

    def client_context(self, shows=None, **versions):
        """For a client that believes the authority and shows this."""
        context = ssl.create_default_context(cafile=self.authority())
        if shows:
            context.load_cert_chain(self.certificate(shows), self.key(shows))
        for name, version in versions.items():
            setattr(context, name, version)
        return context

    def _run(self, *words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"openssl {words[0]}: {done.stderr}")
