"""Several hosts, as docs/replay.md says: two processes of this machine, each with half of the samples."""

import json
import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.project import ROOT
from tinygrad_lite import Program, Value
from tinygrad_lite.nn import MLP, losses

HOST = """
import sys

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from tests.replay.test_hosts import loss_of_a_net, samples

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
address, process = sys.argv[1], int(sys.argv[2])
INITIALIZE
program, theta = loss_of_a_net()
mesh = Mesh(jax.devices(), ("data",))
by_sample, everywhere = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
step = jax.jit(program.to_jax(), in_shardings=(everywhere, by_sample), out_shardings=everywhere)


def samples_of(process):
    return np.split(samples(), jax.process_count())[process]


RECIPE
import json
print(json.dumps([len(mine), float(mean), gradient.tolist()]))
"""


def loss_of_a_net():
    model, inputs, target = MLP(2, [4, 1], seed=0), [Value(0.1), Value(0.2)], Value(1.0)
    loss = losses["squared_error"](model(inputs), target)
    return Program(loss, model.parameters(), [*inputs, target]), [p.data for p in model.parameters()]


def samples():
    return np.random.default_rng(0).uniform(-1, 1, (80, 3))


def test_two_processes_give_what_one_gives():
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    [(first, recipe)] = re.findall(r"^```py\n(jax\.distributed\.initialize\(\).*?)\n(.*?)^```", page, re.DOTALL | re.M)
    assert "coordinator_address, num_processes, process_id" in first
    initialize = "jax.distributed.initialize(coordinator_address=address, num_processes=2, process_id=process)"
    code = HOST.replace("INITIALIZE", initialize).replace("RECIPE", recipe)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", code, address, str(process)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for process in range(2)
    ]
    results = [json.loads(host.communicate(timeout=120)[0].splitlines()[-1]) for host in hosts]
    assert results[0] == results[1]
    program, theta = loss_of_a_net()
    mean, gradient = program(theta, samples())
    assert results[0] == [40, pytest.approx(mean, rel=1e-14), pytest.approx(gradient.tolist(), rel=1e-13)]
