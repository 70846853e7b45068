"""What can go wrong with a simulation, in words that say what to do."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class ServerAway(WardwatchError):
    """The server did not answer for longer than the simulation waits."""

    code = "server-away"
    status = 503
    title_en = "The server does not answer"
    title_zh = "服务器无响应"


class ServerRefused(WardwatchError):
    """The server said no to something that the simulation needs."""

    code = "server-refused"
    status = 502
    title_en = "The server refuses a request of the simulation"
    title_zh = "服务器拒绝了模拟请求"


class AgentEnded(WardwatchError):
    """A camera's agent is not running any more."""

    code = "agent-ended"
    status = 500
    title_en = "A camera's agent has ended"
    title_zh = "摄像机代理已退出"


class Stuck(WardwatchError):
    """Event time cannot go on: pictures or jobs do not get done."""

    code = "simulation-stuck"
    status = 500
    title_en = "The simulation does not get on"
    title_zh = "模拟无法继续"
