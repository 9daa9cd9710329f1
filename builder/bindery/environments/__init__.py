"""What to install: specs, locks, channels, releases."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.environments.chains import DependencyGraph
    from bindery.environments.changes import Comparison, PackageChange, PackageState, compare_lists, compare_packages
    from bindery.environments.check import CheckFinding, EnvironmentCheck, check_environment, check_lock
    from bindery.environments.deep_check import DeepCheck, DeepRequest, check_deeply
    from bindery.environments.environment import Environment, find_environment, list_environments
    from bindery.environments.explain import Explanation, explain_change
    from bindery.environments.forks import ForkLines, ForkPlan, Places, plan_fork, write_fork
    from bindery.environments.history import HistoryEntry, read_history
    from bindery.environments.inventory import WHEEL_CHANNELS, PlatformInventory, Sum, count_packages, read_facts
    from bindery.environments.lockfile import (
        Lock,
        LockedChannel,
        LockedPackage,
        encode_lock,
        parse_lock,
        read_lock,
        write_lock,
    )
    from bindery.environments.mirrors import fetch_mirrors
    from bindery.environments.package_lists import (
        ListedPackage,
        NamedLock,
        PackageList,
        list_lock,
        read_named_lock,
        read_package_list,
    )
    from bindery.environments.publish import ReleasePlan, plan_rebuild, plan_release, write_release
    from bindery.environments.realised import PackagesChoice, PackagesSource, Realised
    from bindery.environments.realising import realise
    from bindery.environments.rebase import DroppedPackage, RebasePlan, plan_rebase, write_rebase
    from bindery.environments.release_format import Release, ReleasedNotebook, Withdrawal
    from bindery.environments.releases import (
        PublishedRelease,
        find_installable,
        find_release,
        list_releases,
        read_released_lock,
        release_of,
        released_environment,
        withdraw_release,
    )
    from bindery.environments.relock import LockPlan, LockRequest, plan_lock, write_plan
    from bindery.environments.render import render_environment, render_explicit, render_requirements
    from bindery.environments.solve import Solution, SolveOptions, solve_lock, solve_with_reasons
    from bindery.environments.solver import ChannelPriority, RecordsChoice
    from bindery.environments.spec import Requirement, Spec, read_spec
    from bindery.environments.wheels.names import pypi_name

__all__ = [
    "WHEEL_CHANNELS",
    "ChannelPriority",
    "CheckFinding",
    "Comparison",
    "DeepCheck",
    "DeepRequest",
    "DependencyGraph",
    "DroppedPackage",
    "Environment",
    "EnvironmentCheck",
    "Explanation",
    "ForkLines",
    "ForkPlan",
    "HistoryEntry",
    "ListedPackage",
    "Lock",
    "LockPlan",
    "LockRequest",
    "LockedChannel",
    "LockedPackage",
    "NamedLock",
    "PackageChange",
    "PackageList",
    "PackageState",
    "PackagesChoice",
    "PackagesSource",
    "Places",
    "PlatformInventory",
    "PublishedRelease",
    "Realised",
    "RebasePlan",
    "RecordsChoice",
    "Release",
    "ReleasePlan",
    "ReleasedNotebook",
    "Requirement",
    "Solution",
    "SolveOptions",
    "Spec",
    "Sum",
    "Withdrawal",
    "check_deeply",
    "check_environment",
    "check_lock",
    "compare_lists",
    "compare_packages",
    "count_packages",
    "encode_lock",
    "explain_change",
    "fetch_mirrors",
    "find_environment",
    "find_installable",
    "find_release",
    "list_environments",
    "list_lock",
    "list_releases",
    "parse_lock",
    "plan_fork",
    "plan_lock",
    "plan_rebase",
    "plan_rebuild",
    "plan_release",
    "pypi_name",
    "read_facts",
    "read_history",
    "read_lock",
    "read_named_lock",
    "read_package_list",
    "read_released_lock",
    "read_spec",
    "realise",
    "release_of",
    "released_environment",
    "render_environment",
    "render_explicit",
    "render_requirements",
    "solve_lock",
    "solve_with_reasons",
    "withdraw_release",
    "write_fork",
    "write_lock",
    "write_plan",
    "write_rebase",
    "write_release",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
