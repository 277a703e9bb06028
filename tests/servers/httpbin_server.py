"""httpbin on a free port, whose number is the first line on stdout."""

import sys
import warnings

from werkzeug.serving import make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # httpbin's own, of its dependencies
    from httpbin import app

if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
