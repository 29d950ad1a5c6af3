#!/usr/bin/env bash
# Makes a Python environment with the clients that the tests of serving speak
# through: tools/serve/clients.sh FOLDER. Its Python goes into
# GRADUS_SERVE_PYTHON.
set -euo pipefail
python3 -m venv "$1"
"$1/bin/pip" install -q 'tritonclient[all]==2.73.0' schemathesis==4.32.5 requests==2.34.2 grpcio==1.85.3 \
	pillow==13.0.0 numpy==2.4.6 tensorflow-protobuf==2.11.0
# It asks for all of TensorFlow, and needs its messages.
"$1/bin/pip" install -q --no-deps tensorflow-serving-api==2.21.0
