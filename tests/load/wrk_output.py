"""What wrk prints."""

import json

from tests.load.figures import Load

# The last function of a wrk script; braces are doubled because the script is a format.
DONE = """\
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '{{"requests":%d,"duration_us":%d,"p50_us":%.1f,"p99_us":%.1f,"errors":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def parse(output: str) -> Load:
    """The line that `done` wrote, after what wrk prints of itself.

    Raises:
        ValueError: there is no such line.
    """
    line = next((line for line in reversed(output.splitlines()) if line.startswith("{")), None)
    if line is None:
        raise ValueError(f"wrk did not finish:\n{output}")
    said = json.loads(line)
    return Load(
        requests_per_second=said["requests"] / said["duration_us"] * 1e6,
        p50_us=said["p50_us"],
        p99_us=said["p99_us"],
        requests=said["requests"],
        errors=said["errors"],
    )
