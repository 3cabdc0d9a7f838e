"""For each alert: what makes it fire just beyond its bound, what is just short of that, and what ends it."""

from collections.abc import Mapping

from tests.alerts.budgets import budgets, requests
from tests.alerts.case import Case, Series


def _outcomes(**series: str) -> Series:
    name = "mlplatform_predict_request_duration_seconds_count"
    labels = 'job="iris-predictor",instance="p",model="iris"'
    return {f'{name}{{{labels},outcome="{outcome}"}}': values for outcome, values in series.items()}


def _absent(alert: str, series: str, *, at: str, before: str) -> Case:
    """An alert on a thing that is not there, or says that it is not well."""
    return Case(
        alert,
        fires={series: "0x60"},
        at=at,
        before=before,
        silent={"it is well": {series: "1x60"}},
        resolves={series: "0x30 1x60"},
        over="7m",
        without_data=True,
    )


def _gauge(
    alert: str, series: Series, silent: Series, *, at: str, before: str | None, over: Series, over_at: str
) -> Case:
    return Case(alert, fires=series, at=at, before=before, silent={"just below": silent}, resolves=over, over=over_at)


def _event(alert: str, counter: str, *, minutes: int, silent: Mapping[str, Series] | None = None) -> Case:
    """Something that is told for so long after it was counted, be it before the first sample of a process."""
    now, window = 12 * minutes + 60, 6 * minutes  # in steps of ten seconds
    young, old = now - 3 * window // 4, now - 5 * window // 4
    start = f"process_start_time_seconds{{{_PREDICTOR}}}"
    long_ago = {start: "1x9999"}

    def at_start(begun: int, values: str) -> Series:
        return {start: f"1x{begun - 3} stale _x1 {begun * 10}x9999", counter: values}

    return Case(
        alert,
        fires={counter: f"0x{now - 10} 1x20", **long_ago},
        at=f"{now * 10}s",
        before=f"{(now - 15) * 10}s",
        also={
            "it happened before the first sample": at_start(young, f"_x{young} 1x{window}"),
            "the same happened again before the first sample of the next process": at_start(
                young, f"1x{young - 3} stale _x1 1x{window}"
            ),
        },
        silent={
            **(silent or {}),
            "nobody had looked for long": {counter: f"3x{now - window - 30} _x{window + 20} 3x30", **long_ago},
            "it has not happened": at_start(young, f"_x{young} 0x{window}"),
            "it happened long ago": {counter: f"1x{now + 20}", **long_ago},
            "it happened at a start that was longer ago": at_start(old, f"_x{old} 1x{2 * window}"),
            "the process was started again": at_start(young, f"1x{young - 3} stale _x1 0x{window}"),
            "another process has begun": {
                **{name.replace('"p"', '"q"'): values for name, values in at_start(young, f"_x{young} 0x99").items()},
                counter: f"1x{now + 20}",
                **long_ago,
            },
        },
        resolves={counter: f"0x5 1x{2 * now}", **long_ago},
        over=f"{minutes + 3}m",
    )


def _actual(replica: str, role: str) -> str:
    return f'mlplatform_model_actual_version{{instance="{replica}",model="iris",role="{role}"}}'


def _up(**replicas: str) -> Series:
    return {f'up{{job="iris-predictor",instance="{replica}"}}': values for replica, values in replicas.items()}


def _version(kind: str, role: str, values: str) -> Series:
    return {f'mlplatform_model_{kind}_version{{{_PREDICTOR},model="iris",role="{role}"}}': values}


def _shadow(**series: str) -> Series:
    """`compared` and `failed` copies, `dropped` ones, `rows`, and those of them that are `near`."""
    names = {
        "compared": f'mlplatform_shadow_requests_total{{{_PREDICTOR},model="iris",outcome="compared"}}',
        "failed": f'mlplatform_shadow_requests_total{{{_PREDICTOR},model="iris",outcome="failed"}}',
        "dropped": f'mlplatform_shadow_dropped_total{{{_PREDICTOR},model="iris"}}',
        "rows": f'mlplatform_shadow_rows_total{{{_PREDICTOR},model="iris"}}',
        "count": f'mlplatform_shadow_difference_count{{{_PREDICTOR},model="iris"}}',
        "near": f'mlplatform_shadow_difference_bucket{{{_PREDICTOR},model="iris",le="0.2"}}',
    }
    return {names[name]: values for name, values in series.items()}


def _connections(values: str) -> Series:
    """To two databases, as two replicas tell the same; the other one has eight, and 110 are allowed."""
    name = 'mlplatform_postgres_connections{{instance="{}",database="{}"}}'
    limit = {f'mlplatform_postgres_connections_max{{instance="{t}"}}': "110x100" for t in "12"}
    here = {name.format(t, "trainer"): values for t in "12"}
    return {**limit, **here, **{name.format(t, "mlflow"): "8x100" for t in "12"}}


def _calls(**series: str) -> Series:
    codes = {"good": "2xx", "failed": "5xx", "unanswered": "none"}
    name = f'mlplatform_registry_requests_total{{{_PREDICTOR},call="runs/get",code="'
    return {f'{name}{codes[kind]}"}}': values for kind, values in series.items()}


def _starts(*replicas: str) -> Series:
    """When the process behind each address began."""
    name = "process_start_time_seconds"
    return {f'{name}{{job="iris-predictor",instance="{place}"}}': values for place, values in enumerate(replicas)}


def _settled(rounds: str, iris: str) -> Series:
    return {_UPKEEP: rounds, _SETTLED.format("housing"): rounds, _SETTLED.format("iris"): iris}


def _shared(share: str, ok: str, fallbacks: str) -> Series:
    return {
        f'mlplatform_challenger_share{{{_PREDICTOR},model="iris"}}': share,
        f'mlplatform_challenger_fallback_total{{{_PREDICTOR},model="iris",reason="failed"}}': fallbacks,
        **_outcomes(ok=ok),
    }


_UNDELIVERED = 'alertmanager_notifications_failed_total{instance="a",integration="webhook",reason="other"}'
_DROPPED = 'prometheus_notifications_dropped_total{instance="p"}'
_REFUSALS = 'mlplatform_model_refusals_total{job="iris-predictor",instance="p",model="iris",reason="golden"}'
_REPAIRS = 'mlplatform_cache_repairs_total{job="iris-predictor",instance="p",model="iris"}'
_REDIS = 'redis_up{job="redis",instance="r"}'
_BEATS = 'mlplatform_heartbeat_timestamp_seconds{instance="b",process="trainer-beat"}'
_UPKEEP = 'mlplatform_upkeep_last_round_timestamp_seconds{instance="t"}'
_SETTLED = 'mlplatform_registry_settled_timestamp_seconds{{instance="t",model="{}"}}'
_REGISTRY = 'mlplatform_registry_reachable{instance="p",model="iris"}'
_FAILED = 'mlplatform_job_last_failure_timestamp_seconds{instance="t",model="iris"}'
_CHAMPION_SINCE = 'mlplatform_champion_since_timestamp_seconds{instance="t",model="iris"}'
_PREDICTOR = 'job="iris-predictor",instance="p"'

CASES = (
    *budgets("Availability", 0.001),
    *budgets("Latency", 0.01),
    _absent("GatewayDown", 'up{job="gateway",instance="g"}', at="70s", before="50s"),
    Case(
        "PredictorDown",
        fires={'up{job="iris-predictor",instance="p"}': "0x60", 'up{job="housing-predictor",instance="p"}': "1x60"},
        at="6m",
        before="50s",
        silent={
            "one replica of each is up": {
                'up{job="iris-predictor",instance="p"}': "1x60",
                'up{job="iris-predictor",instance="q"}': "0x60",
                'up{job="housing-predictor",instance="p"}': "1x60",
            },
            "it is away for a moment": {
                'up{job="iris-predictor",instance="p"}': "1x60",
                'up{job="housing-predictor",instance="p"}': "1x32 0x60",
            },
        },
        also={
            "the other model's": {
                'up{job="iris-predictor",instance="p"}': "1x60",
                'up{job="housing-predictor",instance="p"}': "0x60",
            },
            "one has come back minutes ago": {
                'up{job="iris-predictor",instance="p"}': "0x6 1x90",
                'up{job="housing-predictor",instance="p"}': "1x60",
            },
            "the other has": {
                'up{job="iris-predictor",instance="p"}': "1x60",
                'up{job="housing-predictor",instance="p"}': "0x6 1x90",
            },
        },
        resolves={
            'up{job="iris-predictor",instance="p"}': "0x30 1x60",
            'up{job="housing-predictor",instance="p"}': "1x90",
        },
        over="13m",
        without_data=True,
    ),
    Case(
        "ReplicaDown",
        fires=_up(p="1x99 0x60"),
        at="1130s",
        before="1110s",
        also={"its container is gone": _up(p="1x200", q="1x99 stale")},
        silent={
            "it answers": _up(p="1x200"),
            "it is gone for a moment": _up(p="1x200", q="1x104 stale"),
            "it was replaced": _up(p="1x99 stale", q="_x95 1x105"),
            "there are more than before": _up(p="1x200", q="_x99 1x100"),
        },
        resolves=_up(p="1x99 0x20 1x400", q="1x99 stale"),
        over="75m",
    ),
    _gauge(
        "PredictorWithoutModel",
        {f"up{{{_PREDICTOR}}}": "1x200"},
        {
            f"up{{{_PREDICTOR}}}": "1x200",
            f'mlplatform_model_version_info{{{_PREDICTOR},model="iris",version="1"}}': "1x200",
        },
        at="910s",
        before="890s",
        over={
            f"up{{{_PREDICTOR}}}": "1x200",
            f'mlplatform_model_version_info{{{_PREDICTOR},model="iris",version="1"}}': "_x100 1x100",
        },
        over_at="25m",
    ),
    _gauge(
        "VersionNotTakenUp",
        {
            f'mlplatform_model_desired_version_info{{{_PREDICTOR},model="iris",version="2"}}': "1x60",
            f'mlplatform_model_version_info{{{_PREDICTOR},model="iris",version="1"}}': "1x60",
        },
        {
            f'mlplatform_model_desired_version_info{{{_PREDICTOR},model="iris",version="2"}}': "1x60",
            f'mlplatform_model_version_info{{{_PREDICTOR},model="iris",version="2"}}': "1x60",
        },
        at="130s",
        before="110s",
        over={
            f'mlplatform_model_desired_version_info{{{_PREDICTOR},model="iris",version="2"}}': "1x60",
            f'mlplatform_model_version_info{{{_PREDICTOR},model="iris",version="2"}}': "_x30 1x30",
        },
        over_at="7m",
    ),
    _gauge(
        "VersionsDiffer",
        {_actual(one, "challenger"): f"{one}x60" for one in "12"},
        {
            _actual(one, role): f"{version}x60"
            for one in "12"
            for version, role in enumerate(("champion", "challenger"), 1)
        },
        at="310s",
        before="290s",
        over={_actual("1", "champion"): "1x40 2x20", _actual("2", "champion"): "2x60"},
        over_at="8m",
    ),
    _event("VersionRefused", _REFUSALS, minutes=10),
    _event(
        "PredictionsFail",
        *_outcomes(error=""),
        minutes=5,
        silent={"only clients are wrong": _outcomes(ok="0+10x100", error="0x100", invalid="0+10x100")},
    ),
    Case(
        "RequestsShed",
        fires=_outcomes(ok="0+949x100", shed="0+51x100"),
        at="700s",
        also={"of just enough requests": _outcomes(ok="0+2.5x100", shed="0+2.5x100")},
        before="290s",
        silent={
            "just below": _outcomes(ok="0+951x100", shed="0+49x100"),
            "not enough requests": _outcomes(ok="0+1.25x100", shed="0+1.25x100"),
            "no traffic": _outcomes(ok="5x100", shed="5x100"),
        },
        resolves=_outcomes(ok="0+949x75 71175+1000x60", shed="0+51x75 3825x60"),
        over="19m",
    ),
    Case(
        "RequestsInvalid",
        fires=_outcomes(ok="0+49x200", invalid="0+51x200"),
        at="1300s",
        also={"of just enough requests": _outcomes(ok="0x200", invalid="0+1.667x200")},
        before="290s",
        silent={
            "just below": _outcomes(ok="0+51x200", invalid="0+49x200"),
            "no traffic": _outcomes(ok="5x200", invalid="5x200"),
            "not enough requests": _outcomes(ok="0x200", invalid="0+0.833x200"),
        },
        resolves=_outcomes(ok="0+49x135 6615+100x160", invalid="0+51x135 6885x160"),
        over="42m",
    ),
    Case(
        "TrafficStopped",
        fires={**requests("0+2x600 1200x60", "0x660"), **requests("0+2x660", "0x660", "housing")},
        at="1238m",
        before="1232m",
        silent={
            "there is traffic": requests("0+2x660", "0x660"),
            "there never was any": requests("0x660", "0x660"),
            "there was little": requests("0+1.5x600 900x60", "0x660"),
        },
        resolves=requests("0+2x600 1200x25 1200+2x100", "0x720"),
        over="1300m",
        interval="2m",
    ),
    Case(
        "RegistryUnreachable",
        fires={_REGISTRY: "0x60"},
        at="10m",
        before="290s",
        also={"it has answered again for minutes": {_REGISTRY: "0x30 1x60"}},
        silent={"one replica reaches it": {_REGISTRY: "0x60", _REGISTRY.replace('"p"', '"q"'): "1x60"}},
        resolves={_REGISTRY: "0x32 1x60"},
        over="12m",
    ),
    _gauge(
        "RegistryKnowledgeOld",
        {f'mlplatform_registry_last_answer_timestamp_seconds{{{_PREDICTOR},model="iris"}}': "1x200"},
        {f'mlplatform_registry_last_answer_timestamp_seconds{{{_PREDICTOR},model="iris"}}': "0+10x10 100x190"},
        at="980s",
        before="950s",
        over={f'mlplatform_registry_last_answer_timestamp_seconds{{{_PREDICTOR},model="iris"}}': "1x110 1100+10x90"},
        over_at="20m",
    ),
    Case(
        "RoleNotTakenUp",
        fires={**_version("desired", "challenger", "3x60"), **_version("actual", "challenger", "0x60")},
        at="310s",
        before="290s",
        silent={
            "it is there": {**_version("desired", "challenger", "3x60"), **_version("actual", "challenger", "3x60")},
            "none is wanted": {**_version("desired", "previous", "0x60"), **_version("actual", "previous", "2x60")},
            "it is the champion, of which another alert tells": {
                **_version("desired", "champion", "3x60"),
                **_version("actual", "champion", "2x60"),
            },
        },
        resolves={**_version("desired", "challenger", "3x90"), **_version("actual", "challenger", "0x40 3x50")},
        over="8m",
    ),
    Case(
        "ChallengerFallsBack",
        fires=_shared("0.1x100", "0+1000x100", "0+6x100"),
        at="700s",
        also={"just often enough": _shared("0.1x100", "0+10x100", "0+0.467x100")},
        before="290s",
        silent={
            "just below": _shared("0.1x100", "0+1000x100", "0+5x100"),
            "not often enough": _shared("0.1x100", "0+10x100", "0+0.267x100"),
            "there is no challenger": _shared("0x100", "0+1000x100", "0+6x100"),
            "no traffic": _shared("0.1x100", "7x100", "7x100"),
        },
        resolves=_shared("0.1x75 0x60", "0+1000x140", "0+6x75 450x60"),
        over="14m",
    ),
    Case(
        "ShadowFails",
        fires=_shadow(compared="0+94x100", failed="0+6x100"),
        at="700s",
        also={"of just enough copies": _shadow(compared="0x100", failed="0+1x100")},
        before="290s",
        silent={
            "just below": _shadow(compared="0+96x100", failed="0+4x100"),
            "not enough copies": _shadow(compared="0x100", failed="0+0.5x100"),
            "no traffic": _shadow(compared="7x100", failed="7x100"),
        },
        resolves=_shadow(compared="0+94x75 7050+100x60", failed="0+6x75 450x60"),
        over="19m",
    ),
    Case(
        "ShadowDrops",
        fires=_shadow(compared="0+89x150", failed="0x150", dropped="0+11x150"),
        at="1000s",
        also={"of just enough copies": _shadow(compared="0+1x150", failed="0x150", dropped="0+1x150")},
        before="590s",
        silent={
            "just below": _shadow(compared="0+91x150", failed="0x150", dropped="0+9x150"),
            "not enough copies": _shadow(compared="0+0.5x150", failed="0x150", dropped="0+0.5x150"),
            "no traffic": _shadow(compared="7x150", failed="7x150", dropped="7x150"),
        },
        resolves=_shadow(compared="0+89x105 9345+100x80", failed="0x190", dropped="0+11x105 1155x80"),
        over="24m",
    ),
    Case(
        "ShadowDiffers",
        fires=_shadow(rows="0+100x500", count="0+100x500", near="0+89x500"),
        at="4000s",
        also={"of just enough rows": _shadow(rows="0+0.4167x500", count="0+0.4167x500", near="0x500")},
        before="290s",
        silent={
            "just below": _shadow(rows="0+100x500", count="0+100x500", near="0+91x500"),
            "not enough rows": _shadow(rows="0+0.2083x500", count="0+0.2083x500", near="0x500"),
            "no traffic": _shadow(rows="700x500", count="700x500", near="7x500"),
        },
        resolves=_shadow(rows="0+100x405 40500x400", count="0+100x405 40500x400", near="0+89x405 36045x400"),
        over="130m",
    ),
    _event("CacheCorrupt", _REPAIRS, minutes=60),
    Case(
        "ChampionOld",
        fires={_CHAMPION_SINCE: "1x2200"},
        at="2162h",
        before="2161h",
        silent={"it is younger": {_CHAMPION_SINCE: "200000x2200"}, "there is none": {_CHAMPION_SINCE: "0x2200"}},
        resolves={_CHAMPION_SINCE: "1x2162 7783200x10"},
        over="2164h",
        interval="1h",
    ),
    _absent("TrainerDown", 'up{job="trainer",instance="t"}', at="130s", before="110s"),
    Case(
        "DatabaseUnreachable",
        fires={'mlplatform_database_reachable{instance="t"}': "0x60"},
        at="6m",
        before="50s",
        also={"it has answered again for minutes": {'mlplatform_database_reachable{instance="t"}': "0x6 1x60"}},
        silent={
            "one replica reaches it": {f'mlplatform_database_reachable{{instance="{t}"}}': f"{t}x60" for t in "01"}
        },
        resolves={'mlplatform_database_reachable{instance="t"}': "0x8 1x90"},
        over="520s",
    ),
    *(
        Case(
            alert,
            fires={f'mlplatform_heartbeat_timestamp_seconds{{instance="w",process="{process}"}}': "0+10x10 100x60"},
            at="240s",
            before="210s",
            silent={
                "it beats": {f'mlplatform_heartbeat_timestamp_seconds{{instance="w",process="{process}"}}': "0+10x90"},
                "it beat not long ago": {
                    f'mlplatform_heartbeat_timestamp_seconds{{instance="w",process="{process}"}}': "0x5 10+10x90"
                },
            },
            resolves={
                f'mlplatform_heartbeat_timestamp_seconds{{instance="w",process="{process}"}}': (
                    "0+10x10 100x30 420+10x60"
                )
            },
            over="8m",
            without_data=True,
        )
        for alert, process in (("WorkerGone", "trainer-worker"), ("BeatGone", "trainer-beat"))
    ),
    _gauge(
        "BeatTwice",
        {f'up{{job="trainer-beat",instance="{one}"}}': "1x60" for one in "12"},
        {f'up{{job="trainer-beat",instance="{one}"}}': f"{one}x60" for one in "01"},
        at="130s",
        before="110s",
        over={
            'up{job="trainer-beat",instance="1"}': "1x30 0x30",
            'up{job="trainer-beat",instance="2"}': "1x60",
        },
        over_at="8m",
    ),
    Case(
        "UpkeepStale",
        fires={_UPKEEP: "0+10x10 100x60"},
        at="420s",
        before="390s",
        silent={"it is done": {_UPKEEP: "0+10x90"}},
        resolves={_UPKEEP: ("0+10x10 100x35 460+10x60")},
        over="9m",
        without_data=True,
    ),
    Case(
        "RegistryDisagrees",
        fires=_settled("0+10x200", "0+10x10 100x190"),
        at="790s",
        before="750s",
        silent={
            "it says the same": _settled("0+10x200", "0+10x200"),
            "it has not said otherwise for long": _settled("0+10x200", "0+10x30 300x190"),
            "nobody looks": _settled("0+10x10 100x190", "0+10x10 100x190"),
            "nobody has looked yet": _settled("0x200", "0x200"),
        },
        resolves=_settled("0+10x300", "0+10x10 100x90 1020+10x200"),
        over="18m",
    ),
    _gauge(
        "JobsWaitTooLong",
        {'mlplatform_job_queue_age_seconds{instance="t",model="iris"}': "601x60"},
        {'mlplatform_job_queue_age_seconds{instance="t",model="iris"}': "600x60"},
        at="70s",
        before="50s",
        over={'mlplatform_job_queue_age_seconds{instance="t",model="iris"}': "601x30 0x30"},
        over_at="7m",
    ),
    _gauge(
        "JobRunsTooLong",
        {'mlplatform_job_running_seconds{instance="t",model="iris"}': "2101x60"},
        {'mlplatform_job_running_seconds{instance="t",model="iris"}': "2100x60"},
        at="70s",
        before="50s",
        over={'mlplatform_job_running_seconds{instance="t",model="iris"}': "2101x30 0x30"},
        over_at="7m",
    ),
    Case(
        "RetrainingFails",
        fires={_FAILED: "0x30 300x600"},
        at="62m",
        before="290s",
        also={"nobody tells of it just now": {_FAILED: "0x30 300x338 stale _x20"}},
        silent={
            "it failed long ago": {_FAILED: "1x600"},
            "none ever did": {_FAILED: "0x600"},
        },
        resolves={_FAILED: "0x30 300x600"},
        over="66m",
    ),
    Case(
        "RedisDown",
        fires={_REDIS: "1x9 0x60", _BEATS: "0+10x69"},
        at="170s",
        before="150s",
        also={
            "neither its exporter nor anybody who works with it shows life": {_BEATS: "0+10x3 30x60"},
            "its exporter says so, and a message is still on its way": {_REDIS: "0x60", _BEATS: "0+10x69"},
            "it has answered again for almost two minutes": {_REDIS: "0x6 1x60", _BEATS: "0+10x69"},
        },
        silent={
            "it is well": {_REDIS: "1x69", _BEATS: "0+10x69"},
            "it is well, and neither beat nor a worker": {_REDIS: "1x69", _BEATS: "0+10x3 30x60"},
            "only its exporter is gone": {_REDIS: "1x3 stale", _BEATS: "0+10x69"},
            "only its exporter is gone, and of the others one shows life": {
                _BEATS: "0+10x3 30x60",
                _BEATS.replace("trainer-beat", "trainer-worker"): "0+10x10 60+10x60",
            },
        },
        resolves={_REDIS: "0x18 1x60", _BEATS: "0+10x69"},
        over="330s",
        without_data=True,
    ),
    _gauge(
        "RedisMemoryFills",
        {'redis_memory_used_bytes{instance="r"}': "76x60", 'redis_memory_max_bytes{instance="r"}': "100x60"},
        {'redis_memory_used_bytes{instance="r"}': "75x60", 'redis_memory_max_bytes{instance="r"}': "100x60"},
        at="310s",
        before="290s",
        over={'redis_memory_used_bytes{instance="r"}': "76x40 10x60", 'redis_memory_max_bytes{instance="r"}': "100x99"},
        over_at="8m",
    ),
    _gauge(
        "RedisCannotPersist",
        {'redis_aof_last_write_status{instance="r"}': "0x60"},
        {'redis_aof_last_write_status{instance="r"}': "1x60"},
        at="70s",
        before="50s",
        over={'redis_aof_last_write_status{instance="r"}': "0x30 1x30"},
        over_at="7m",
    ),
    _gauge(
        "DiskFills",
        {
            f"mlplatform_disk_free_bytes{{{_PREDICTOR}}}": "9x60",
            f"mlplatform_disk_size_bytes{{{_PREDICTOR}}}": "100x60",
        },
        {
            f"mlplatform_disk_free_bytes{{{_PREDICTOR}}}": "10x60",
            f"mlplatform_disk_size_bytes{{{_PREDICTOR}}}": "100x60",
        },
        at="310s",
        before="290s",
        over={
            f"mlplatform_disk_free_bytes{{{_PREDICTOR}}}": "9x40 50x60",
            f"mlplatform_disk_size_bytes{{{_PREDICTOR}}}": "100x99",
        },
        over_at="8m",
    ),
    Case(
        "PostgresConnectionsRunOut",
        fires=_connections("81x60"),
        at="310s",
        before="290s",
        silent={"just below": _connections("80x60")},
        resolves=_connections("81x40 9x60"),
        over="8m",
    ),
    Case(
        "RegistryFails",
        fires=_calls(good="0+89x100", failed="0+6x100", unanswered="0+5x100"),
        at="700s",
        also={"of just enough calls": _calls(good="0x100", failed="0+0.25x100", unanswered="0x100")},
        before="290s",
        silent={
            "just below": _calls(good="0+91x100", failed="0+4x100", unanswered="0+5x100"),
            "not enough calls": _calls(good="0x100", failed="0+0.125x100", unanswered="0x100"),
            "no traffic": _calls(good="7x100", failed="7x100", unanswered="7x100"),
        },
        resolves=_calls(good="0+89x140", failed="0+6x75 450x60", unanswered="0+5x75 375x60"),
        over="19m",
    ),
    _gauge(
        "FilesRunOut",
        {f"process_open_fds{{{_PREDICTOR}}}": "81x60", f"process_max_fds{{{_PREDICTOR}}}": "100x60"},
        {f"process_open_fds{{{_PREDICTOR}}}": "80x60", f"process_max_fds{{{_PREDICTOR}}}": "100x60"},
        at="310s",
        before="290s",
        over={f"process_open_fds{{{_PREDICTOR}}}": "81x40 9x60", f"process_max_fds{{{_PREDICTOR}}}": "100x99"},
        over_at="8m",
    ),
    Case(
        "RestartsAgainAndAgain",
        fires=_starts("1x90 1000x3 1040x3 1080x3 1120x200"),
        at="20m",
        before="1080s",
        also={
            "each time at a new address": _starts(*(f"_x{59 + 12 * n} {600 + 120 * n}x9 stale" for n in range(4))),
        },
        silent={
            "just below": _starts("1x90 1000x3 1040x3 1080x200"),
            "each of many was started again once": _starts(*(f"1x{100 + n} {1000 + 10 * n}x200" for n in range(9))),
            "it was longer ago": _starts("1x3 20x3 40x3 60x3 80x200"),
            "just below, each time at a new address": _starts(
                *(f"_x{59 + 12 * n} {600 + 120 * n}x9 stale" for n in range(3)), "_x110 1110x50"
            ),
            "there are more replicas than before": _starts(*(f"_x{111 + n} {1110 + 10 * n}x60" for n in range(6))),
            "those that had been there for minutes were replaced": _starts(
                *(f"_x{59 + n} {600 + 10 * n}x13 stale" for n in range(9)),
                *(f"_x{72 + n} {730 + 10 * n}x80" for n in range(9)),
            ),
            "all are young, and one scrape of them has failed": _starts(
                *(f"_x{112 + n} {1130 + 10 * n}x{3 - n} stale 1x60" for n in range(4))
            ),
        },
        resolves=_starts("1x90 1000x3 1040x3 1080x3 1120x200"),
        over="35m",
    ),
    Case("Watchdog", fires={}, at="10s", silent={}, without_data=True),
    _gauge(
        "ScrapeFails",
        {'up{job="redis",instance="r"}': "0x60"},
        {'up{job="redis",instance="r"}': "1x60"},
        at="310s",
        before="290s",
        over={'up{job="redis",instance="r"}': "0x40 1x60"},
        over_at="8m",
    ),
    _gauge(
        "RulesFail",
        {'prometheus_rule_evaluation_failures_total{instance="p"}': "0x5 1x200"},
        {'prometheus_rule_evaluation_failures_total{instance="p"}': "1x200"},
        at="2m",
        before="40s",
        over={'prometheus_rule_evaluation_failures_total{instance="p"}': "0x5 1x200"},
        over_at="15m",
    ),
    Case(
        "AlertsNotDelivered",
        fires={_UNDELIVERED: "0x5 1x200"},
        at="2m",
        before="40s",
        also={"Prometheus has nobody to hand them to": {_DROPPED: "0x5 1x200"}},
        silent={"that was long ago": {_UNDELIVERED: "1x200", _DROPPED: "1x200"}},
        resolves={_UNDELIVERED: "0x5 1x200", _DROPPED: "0x5 1x200"},
        over="15m",
    ),
)
