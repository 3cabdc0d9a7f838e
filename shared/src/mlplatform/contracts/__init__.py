"""What a model takes and returns. A new model is one file here and one line in `CONTRACTS`."""

from mlplatform.contracts.base import Contract, Features
from mlplatform.contracts.housing import HOUSING
from mlplatform.contracts.iris import IRIS
from mlplatform.errors import UnknownModel

CONTRACTS = {"housing": HOUSING, "iris": IRIS}


def contract_of(model: str) -> Contract:
    """The contract of a model.

    Raises:
        UnknownModel: no contract has that name; the message lists those that exist.
    """
    try:
        return CONTRACTS[model]
    except KeyError:
        raise UnknownModel(f"no model {model!r}; there are {', '.join(CONTRACTS)}") from None


__all__ = ["CONTRACTS", "HOUSING", "IRIS", "Contract", "Features", "contract_of"]
