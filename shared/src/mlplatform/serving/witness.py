"""Sees how a challenger fares, for the ramp that decides how its traffic goes on."""

from mlplatform.registry import Evidence, Traffic


class Witness:
    """What this replica has seen under the present traffic.

    Plain numbers that begin anew with each traffic. More than one thread adds to them, and none waits for another: in
    ten thousand requests one may be missed, which changes no decision.
    """

    def __init__(self) -> None:
        self.seen = Evidence(mark="")

    def begin(self, traffic: Traffic | None) -> None:
        """It is this traffic from now on, or has been."""
        mark = traffic.mark if traffic else ""
        if mark != self.seen.mark:
            self.seen = Evidence(mark=mark)

    def told(self) -> Evidence | None:
        """For whoever asks; none while all is the champion's."""
        return self.seen if self.seen.mark else None
