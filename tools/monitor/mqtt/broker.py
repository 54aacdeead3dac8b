"""Address and credentials of an MQTT broker, and the connection to it."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import paho.mqtt.client as paho

from tools.monitor.mqtt.poll import use_poll
from training.bundle.errors import VigilError

USER, PASSWORD, CA = "VIGIL_MQTT_USER", "VIGIL_MQTT_PASSWORD", "VIGIL_MQTT_CA"
PORTS = {"mqtt": 1883, "mqtts": 8883}
CONNECT_SECONDS = 5.0


class MqttError(VigilError):
    """The broker cannot be reached, or refuses the connection or a message."""


@dataclass(frozen=True)
class Broker:
    """Address and credentials of a broker. Other users can see the address on the command line."""

    host: str
    port: int
    tls: bool
    prefix: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None  # file of trusted certificates; None: the system's

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    @property
    def warning(self) -> str | None:
        """What is wrong with sending the password over this connection; None if nothing is."""
        if self.tls or not self.password or self.host in ("localhost", "127.0.0.1", "::1"):
            return None
        return (
            f"the password of the MQTT broker crosses the network to {self.host} in plain text: "
            "use mqtts://"
        )

    def prepare(self, client: paho.Client) -> None:
        """Give a client the credentials, before it connects.

        Raises:
            MqttError: the file of certificates cannot be read.
        """
        use_poll()
        client.connect_timeout = CONNECT_SECONDS
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            try:
                client.tls_set(ca_certs=self.ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
            except (OSError, ValueError) as problem:
                reason = getattr(problem, "strerror", None) or str(problem)
                raise MqttError(
                    f"{self.ca}: cannot be read as certificates: {reason}; correct {CA}"
                ) from None

    def unreachable(self, problem: Exception) -> MqttError:
        """Return the error for a connection that failed."""
        if isinstance(problem, ssl.SSLCertVerificationError):
            trusted = problem.verify_message
            reason = f"its certificate is not trusted ({trusted}); set {CA} to its issuer"
        else:
            reason = getattr(problem, "strerror", None) or str(problem)
        return MqttError(f"no MQTT broker at {self.address}: {reason}")

    def silent(self) -> MqttError:
        """Return the error for a broker that accepted the connection and does not answer."""
        return MqttError(f"no answer from the MQTT broker at {self.address}; try again later")

    def refused(self, reason: str) -> MqttError:
        """Return the error for a connection that the broker refused."""
        hint = f" (set {USER} and {PASSWORD})" if "uthor" in reason else ""
        return MqttError(f"the MQTT broker at {self.address} refuses: {reason}{hint}")


def broker_of(url: str, environment: Mapping[str, str] = os.environ) -> Broker:
    """Return the broker at `mqtt://HOST[:PORT][/PREFIX]`, or `mqtts://` for TLS.

    User name, password and the file of certificates come from VIGIL_MQTT_USER,
    VIGIL_MQTT_PASSWORD and VIGIL_MQTT_CA.

    Raises:
        MqttError: `url` has another form.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # a name of any length and alphabet is not one
    except ValueError as problem:
        raise MqttError(f"{url}: {problem}; give mqtt://HOST[:PORT][/PREFIX]") from None
    if parts.username or parts.password:
        raise MqttError(
            f"every user of this machine can see a password in an address: set {USER} and "
            f"{PASSWORD} instead"
        )
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise MqttError(f"{url}: give mqtt://HOST[:PORT][/PREFIX], or mqtts:// for TLS")
    prefix = parts.path.strip("/") or "vigil"
    if re.search(r"[+#\0]", prefix):
        raise MqttError(f"{url}: a topic to publish to must not contain + or #")
    return Broker(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        prefix=prefix,
        user=environment.get(USER),
        password=environment.get(PASSWORD),
        ca=environment.get(CA),
    )
