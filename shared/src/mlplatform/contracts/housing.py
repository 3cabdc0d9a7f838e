"""California Housing: the median price of the houses of a census block group in 1990."""

from mlplatform.contracts.base import Contract, Features, feature


class HousingFeatures(Features):
    """A census block group of 1990, described as in the data set."""

    MedInc: float = feature(
        description="Median income of the households.", unit="10,000 USD", example=8.3252, ge=0, le=1_000
    )
    HouseAge: float = feature(description="Median age of the houses.", unit="years", example=41.0, ge=0, le=1_000)
    AveRooms: float = feature(
        description="Mean number of rooms of a household.", unit="rooms", example=6.984127, ge=0, le=10_000
    )
    AveBedrms: float = feature(
        description="Mean number of bedrooms of a household.", unit="rooms", example=1.02381, ge=0, le=10_000
    )
    Population: float = feature(
        description="People in the block group.", unit="people", example=322.0, ge=0, le=10_000_000
    )
    AveOccup: float = feature(
        description="Mean number of people in a household.",
        unit="people",
        example=2.555556,
        ge=0,
        le=10_000_000,
    )
    Latitude: float = feature(description="Latitude of the centre.", unit="degrees north", example=37.88, ge=-90, le=90)
    Longitude: float = feature(
        description="Longitude of the centre.", unit="degrees east", example=-122.23, ge=-180, le=180
    )


HOUSING = Contract(
    model="housing",
    registered_model="CaliforniaHousingBestModel",
    features=HousingFeatures,
    target="MedHouseVal",
    unit="100k USD",
    scale=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0),
)
