"""What a person wants to know once all containers are healthy: the addresses, and how to ask for a prediction."""

from collections.abc import Mapping

# The contracts' own examples, which a test compares: this runs before anything is installed.
EXAMPLES = {
    "housing": (
        '{"MedInc": 8.3252, "HouseAge": 41.0, "AveRooms": 6.984127, "AveBedrms": 1.02381, '
        '"Population": 322.0, "AveOccup": 2.555556, "Latitude": 37.88, "Longitude": -122.23}'
    ),
    "iris": '{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}',
}


def welcome(environment: Mapping[str, str]) -> str:
    """The addresses, and one call for each model."""
    gateway = f"http://localhost:{environment.get('GATEWAY_PORT', '8080')}"
    addresses = {
        "gateway": f"{gateway}/health",
        "MLflow": f"http://localhost:{environment.get('MLFLOW_PORT', '5000')}",
        "Prometheus": f"http://localhost:{environment.get('PROMETHEUS_PORT', '9090')}",
        "Grafana": f"http://localhost:{environment.get('GRAFANA_PORT', '3000')}",
    }
    return "\n".join(
        [
            "",
            "Both models answer. `make down` stops everything and keeps the data.",
            "",
            *(f"  {name:<10}  {address}" for name, address in addresses.items()),
            "  (Grafana's user is admin, its password is in .secrets/grafana_admin_password)",
            "",
            *(
                f"curl {gateway}/predict/{model} -H 'Content-Type: application/json' -d '{body}'"
                for model, body in EXAMPLES.items()
            ),
            "",
        ]
    )
