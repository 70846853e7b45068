"""A hospital that does not exist, seen by real camera agents, told over the real API: an outside client of the server.

Imports `edge_agent`, `service.vision` and `service.kit` only; everything it knows of the server it knows over HTTP.
"""

from service.simulator.api import Api
from service.simulator.compare import BedResult, CheckResult, Comparison, Confusion, compare
from service.simulator.credentials import DRIVER_SCOPES, Credentials, Person, read_credentials, write_secret
from service.simulator.drive import Advance, Driver, RunReport
from service.simulator.printout import results_printout
from service.simulator.records import layout
from service.simulator.results import RaisedFinding, Results, WardRate, read_results
from service.simulator.scenario import Scenario, local, parse_scenario, read_scenario
from service.simulator.studio import Studio, StudioSetup
from service.simulator.supervisor import ServerProcess

__all__ = [
    "DRIVER_SCOPES",
    "Advance",
    "Api",
    "BedResult",
    "CheckResult",
    "Comparison",
    "Confusion",
    "Credentials",
    "Driver",
    "Person",
    "RaisedFinding",
    "Results",
    "RunReport",
    "Scenario",
    "ServerProcess",
    "Studio",
    "StudioSetup",
    "WardRate",
    "compare",
    "layout",
    "local",
    "parse_scenario",
    "read_credentials",
    "read_results",
    "read_scenario",
    "results_printout",
    "write_secret",
]
