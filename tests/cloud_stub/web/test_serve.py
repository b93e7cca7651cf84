"""The pages as `overheard-cloud run` serves them."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx2
import msgspec
import pytest

from cloud_stub.config import load
from cloud_stub.errors import BrokerError, ConfigError
from cloud_stub.web.serve import Pages
from tests.cloud_stub.web.served import served


def test_they_are_there_and_then_they_are_not(town):
    with served(town) as site:
        assert "Sign in" in httpx2.get(f"{site}/sign-in").text
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"{site}/sign-in")


def test_a_port_that_is_taken_is_one_line(town):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = msgspec.structs.replace(load(None).web, port=taken.getsockname()[1])
        with pytest.raises(BrokerError, match=r"set \[web\] port"):
            Pages(town.parts, settings).start()


def test_a_certificate_that_is_none_is_said(town, tmp_path):
    (tmp_path / "a.pem").write_text("no certificate")
    pem = str(tmp_path / "a.pem")
    settings = msgspec.structs.replace(load(None).web, certificate=pem, key=pem)
    with pytest.raises(ConfigError, match=r"name PEM files in \[web\]"):
        Pages(town.parts, settings).start()


@pytest.mark.parametrize("line", ['host = "0.0.0.0"', 'site = "javascript:alert(1)"', "port = 70000"])
def test_settings_that_would_show_them_to_others_are_refused(tmp_path, line):
    (tmp_path / "cloud.toml").write_text(f"[web]\n{line}\n")
    with pytest.raises(ConfigError):
        load(tmp_path / "cloud.toml")


def test_run_serves_them_and_ends_with_them(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "cloud.toml"
    config.write_text(f'[broker]\nkind = "amqtt"\nport = 0\n[web]\nport = {port}\n')
    command = [sys.executable, "-m", "cloud_stub", "run", "--config", str(config)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as cloud:
        assert cloud.stdout is not None
        said = ""
        while "pages:" not in said:
            line = cloud.stdout.readline()
            assert line, said
            said += line
        assert re.search(rf"^pages: http://localhost:{port}$", said, re.MULTILINE)
        assert "Sign in" in httpx2.get(f"http://127.0.0.1:{port}/sign-in").text
        cloud.send_signal(signal.SIGTERM)
        assert cloud.wait(30) == 0
