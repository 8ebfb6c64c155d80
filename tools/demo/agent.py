"""User agents of made-up people, as in real logs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser's user agent, with its system and kind as named in Entra's device properties."""

    raw: str
    system: str
    kind: str
    weight: int
    where: str = "desk"


# fmt: off
BROWSERS = (
    Browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.3537.71", "Windows 10", "Edge", 20),
    Browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Windows 10", "Chrome", 18),
    Browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", "Windows 10", "Firefox", 5),
    Browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36", "Windows 10", "Chrome", 2),
    Browser("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "Windows 7", "IE", 1),
    Browser("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "MacOs", "Chrome", 9),
    Browser("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15", "MacOs", "Safari", 6),
    Browser("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:124.0) Gecko/20100101 Firefox/124.0", "MacOs", "Firefox", 2),
    Browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36", "Linux", "Chrome", 4),
    Browser("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", "Linux", "Firefox", 3),
    Browser("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36", "ChromeOs", "Chrome", 2),
    Browser("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1", "Ios", "Safari", 10, "hand"),
    Browser("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1", "Ios", "Chrome", 3, "hand"),
    Browser("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Android", "Chrome", 7, "hand"),
    Browser("Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Android", "Chrome", 3, "hand"),
    Browser("Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1", "Ios", "Safari", 4, "hand"),
    Browser("Mozilla/5.0 (Linux; Android 13; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36", "Android", "Chrome", 2, "hand"),
)
# fmt: on

FILE_CLIENTS = (
    "Microsoft SkyDriveSync 25.164.0824.0003 ship; Windows NT 10.0 (26100)",
    "OneDriveMpc-Transform_Thumbnail/1.0",
    "Microsoft Office Excel 2014",
    "Microsoft Office Word/16.0.19127 (Windows/10.0; Desktop x64; en-US; Desktop app; Dell/Latitude)",
    "Microsoft Office/16.0 (Microsoft Outlook 16.0.19127; Pro)",
    "MSWAC",
    "OneDrive/25.168 CFNetwork/3826.500.131 Darwin/24.6.0",
    "Microsoft-WebDAV-MiniRedir/10.0.22631",
    "ODMTADocCache/1.0",
)
MAIL_CLIENTS = (
    "Client=OWA;Action=ViaProxy",
    "Client=REST;Client=RESTSystem;;",
    "Client=MSExchangeRPC",
    "Client=OutlookService;Outlook-iOS/2.0;",
    "Client=Microsoft.Exchange.ActiveSync; Apple-iPhone16C1/2205.5100000000",
    "Client=POP3/IMAP4;Protocol=IMAP4",
)
CLOUD_TOOLS = (
    "aws-cli/2.17.42 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.0-45-generic md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#s3.cp",
    "aws-cli/1.32.117 md/Botocore#1.34.117 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy",
    "Boto3/1.34.131 md/Botocore#1.34.131 ua/2.0 os/linux#5.15.0-1066-aws md/arch#x86_64 lang/python#3.10.12 md/pyimpl#CPython cfg/retry-mode#legacy",
    "[Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165]",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.65.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.4 os/linux lang/go#1.22.6 md/GOOS#linux md/GOARCH#amd64",
    "aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)",
)
CONSOLE_TOOLS = (
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10.184-153.731.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.372-b08 java/1.8.0_372 vendor/Oracle_Corporation cfg/retry-mode/standard]",
    "EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.4.247-169.350.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.372-b08 java/1.8.0_372 vendor/Oracle_Corporation cfg/retry-mode/standard",
)
SCRIPTS = ("python-requests/2.32.3", "Go-http-client/2.0", "curl/8.9.1", "BAV2ROPC")
