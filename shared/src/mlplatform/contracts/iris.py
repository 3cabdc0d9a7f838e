"""Iris: the species of a flower from four lengths."""

from mlplatform.contracts.base import Contract, Features, feature


class IrisFeatures(Features):
    """One flower."""

    sepal_length: float = feature(description="Length of the sepal.", unit="cm", example=5.1, gt=0, le=100)
    sepal_width: float = feature(description="Width of the sepal.", unit="cm", example=3.5, gt=0, le=100)
    petal_length: float = feature(description="Length of the petal.", unit="cm", example=1.4, gt=0, le=100)
    petal_width: float = feature(description="Width of the petal.", unit="cm", example=0.2, gt=0, le=100)


IRIS = Contract(
    model="iris",
    registered_model="IrisBestModel",
    features=IrisFeatures,
    target="species",
    labels=("setosa", "versicolor", "virginica"),
)
