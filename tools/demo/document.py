"""The documents of the made-up company, and their locations in SharePoint or OneDrive, Drive and S3."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools.demo.dice import Dice, dice, wheel

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SEED = 20_250_102
_EACH_SITE = 90
_LABELLED = 0.16
_ZIPF = 0.8


@dataclass(frozen=True, slots=True)
class Site:
    """A site collection with one library."""

    workload: str
    url: str
    library: str
    id: str
    web: str
    list: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file, with its ids and names in every service that may hold it."""

    site: Site
    name: str
    extension: str
    folder: str
    id: str
    label: str
    drive_id: str
    drive_type: str
    key: str

    @property
    def url(self) -> str:
        return f"{self.site.url}{self.folder}/{self.name}"


LABELS = (
    "0000ca5b-1a00-4000-a000-000000000001",
    "0000ca5b-1a00-4000-a000-000000000002",
    "0000ca5b-1a00-4000-a000-000000000003",
)
SITES = (
    "Finance", "Engineering", "Sales", "People", "Legal", "Marketing", "Support", "Board", "Design", "Plant",
    "Projects", "Intranet",
)  # fmt: skip
SUBJECTS = (
    "Budget", "Forecast", "Invoice", "Contract", "Payroll", "Onboarding", "Roadmap", "Incident report",
    "Architecture", "Release notes", "Customer list", "Price list", "Campaign plan", "Meeting notes", "Audit",
    "Supplier review", "Travel expenses", "Org chart", "Test results", "Floor plan", "Security review",
    "Quarterly results", "Tender", "Training", "Board pack", "Risk register", "Timesheet", "Inventory",
)  # fmt: skip
FOLDERS = ("", "", "Archive", "Drafts", "2024", "2025", "2025/Q3", "Shared with partners", "Templates", "Old")
FORMS = (
    ("docx", "document"), ("docx", "document"), ("xlsx", "spreadsheet"), ("xlsx", "spreadsheet"),
    ("pptx", "presentation"), ("pdf", "pdf"), ("pdf", "pdf"), ("txt", "txt"), ("csv", "spreadsheet"),
    ("png", "png"), ("zip", "unknown"), ("one", "unknown"),
)  # fmt: skip
BUCKETS = ("contoso-backups", "contoso-data-lake", "contoso-invoices", "contoso-web-assets", "fabrikam-telemetry")


@cache
def shared() -> tuple[Document, ...]:
    """The documents of the team sites as a wheel: a few are very popular."""
    chance = dice(_SEED)
    sites = [site(f"sites/{name}", chance) for name in SITES]
    documents = [document for team in sites for document in library(team, _EACH_SITE, chance)]
    ranked = sorted(documents, key=lambda document: document.id)
    return wheel((document, 1 / (rank + 3) ** _ZIPF) for rank, document in enumerate(ranked))


def site(path: str, chance: Dice, *, personal: bool = False) -> Site:
    host = "contoso-my" if personal else "contoso"
    return Site(
        workload="OneDrive" if personal else "SharePoint",
        url=f"https://{host}.sharepoint.example/{path}/",
        library="Documents" if personal else "Shared Documents",
        id=chance.uuid(),
        web=chance.uuid(),
        list=chance.uuid(),
    )


def library(of: Site, count: int, chance: Dice) -> Iterator[Document]:
    """Make `count` documents of a site."""
    for _ in range(count):
        extension, kind = chance.pick(FORMS)
        number = chance.below(900) + 100
        name = f"{chance.pick(SUBJECTS)} {number}.{extension}"
        below = chance.pick(FOLDERS)
        yield Document(
            site=of,
            name=name,
            extension=extension,
            folder=f"{of.library}/{below}".rstrip("/"),
            id=chance.uuid(),
            label=chance.pick(LABELS) if chance.random() < _LABELLED else "",
            drive_id="1" + "".join(chance.pick(_BASE64) for _ in range(43)),
            drive_type=kind,
            key=f"{below or 'current'}/{name.replace(' ', '-').lower()}",
        )
