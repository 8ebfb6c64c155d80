# ruff: noqa: E501  (rows of a hand-aligned table are as long as they are)
"""Countries by name and by code: ISO 3166-1, its English short names, and what cloud apps call them besides.

The codes are those of iso.org/obp/ui (ISO 3166-1, officially assigned), and XK, which many services use for Kosovo.
"""

from collections.abc import Mapping
from functools import lru_cache

_NAMES = """
AD Andorra|AE United Arab Emirates; UAE|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|AO Angola|AQ Antarctica|AR Argentina
AS American Samoa|AT Austria|AU Australia|AW Aruba|AX Åland Islands; Aland Islands|AZ Azerbaijan|BA Bosnia and Herzegovina|BB Barbados|BD Bangladesh|BE Belgium
BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|BJ Benin|BL Saint Barthélemy; Saint Barthelemy|BM Bermuda|BN Brunei Darussalam; Brunei|BO Bolivia; Bolivia (Plurinational State of)|BQ Bonaire, Sint Eustatius and Saba; Caribbean Netherlands
BR Brazil|BS Bahamas; The Bahamas|BT Bhutan|BV Bouvet Island|BW Botswana|BY Belarus|BZ Belize|CA Canada|CC Cocos (Keeling) Islands; Cocos Islands|CD Congo, Democratic Republic of the; Democratic Republic of the Congo; DR Congo
CF Central African Republic|CG Congo; Republic of the Congo|CH Switzerland|CI Côte d'Ivoire; Cote d'Ivoire; Ivory Coast|CK Cook Islands|CL Chile|CM Cameroon|CN China; People's Republic of China|CO Colombia|CR Costa Rica
CU Cuba|CV Cabo Verde; Cape Verde|CW Curaçao; Curacao|CX Christmas Island|CY Cyprus|CZ Czechia; Czech Republic|DE Germany|DJ Djibouti|DK Denmark|DM Dominica
DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|EH Western Sahara|ER Eritrea|ES Spain|ET Ethiopia|FI Finland
FJ Fiji|FK Falkland Islands (Malvinas); Falkland Islands|FM Micronesia (Federated States of); Micronesia; Federated States of Micronesia|FO Faroe Islands|FR France|GA Gabon|GB United Kingdom of Great Britain and Northern Ireland; United Kingdom; Great Britain; UK|GD Grenada|GE Georgia|GF French Guiana
GG Guernsey|GH Ghana|GI Gibraltar|GL Greenland|GM Gambia; The Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|GR Greece|GS South Georgia and the South Sandwich Islands
GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|HK Hong Kong; Hong Kong SAR|HM Heard Island and McDonald Islands|HN Honduras|HR Croatia|HT Haiti|HU Hungary
ID Indonesia|IE Ireland|IL Israel|IM Isle of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|IR Iran (Islamic Republic of); Iran; Iran, Islamic Republic of|IS Iceland|IT Italy
JE Jersey|JM Jamaica|JO Jordan; Hashemite Kingdom of Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|KI Kiribati|KM Comoros|KN Saint Kitts and Nevis; St Kitts and Nevis
KP Korea (Democratic People's Republic of); North Korea; Korea, Democratic People's Republic of|KR Korea, Republic of; South Korea; Republic of Korea; Korea|KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Lao People's Democratic Republic; Laos|LB Lebanon|LC Saint Lucia; St Lucia|LI Liechtenstein|LK Sri Lanka
LR Liberia|LS Lesotho|LT Lithuania; Republic of Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova, Republic of; Moldova; Republic of Moldova|ME Montenegro
MF Saint Martin (French part); Saint Martin|MG Madagascar|MH Marshall Islands|MK North Macedonia; Macedonia|ML Mali|MM Myanmar; Burma|MN Mongolia|MO Macao; Macau; Macao SAR|MP Northern Mariana Islands|MQ Martinique
MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia
NC New Caledonia|NE Niger|NF Norfolk Island|NG Nigeria|NI Nicaragua|NL Netherlands, Kingdom of the; Netherlands; The Netherlands; Holland|NO Norway|NP Nepal|NR Nauru|NU Niue
NZ New Zealand|OM Oman|PA Panama|PE Peru|PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland|PM Saint Pierre and Miquelon
PN Pitcairn|PR Puerto Rico|PS Palestine, State of; Palestine; Palestinian Territory|PT Portugal|PW Palau|PY Paraguay|QA Qatar|RE Réunion; Reunion|RO Romania|RS Serbia
RU Russian Federation; Russia|RW Rwanda|SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden|SG Singapore|SH Saint Helena, Ascension and Tristan da Cunha; Saint Helena|SI Slovenia
SJ Svalbard and Jan Mayen|SK Slovakia; Slovak Republic|SL Sierra Leone|SM San Marino|SN Senegal|SO Somalia|SR Suriname|SS South Sudan|ST Sao Tome and Principe; São Tomé and Príncipe|SV El Salvador
SX Sint Maarten (Dutch part); Sint Maarten|SY Syrian Arab Republic; Syria|SZ Eswatini; Swaziland|TC Turks and Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand|TJ Tajikistan|TK Tokelau
TL Timor-Leste; East Timor|TM Turkmenistan|TN Tunisia|TO Tonga|TR Türkiye; Turkey; Turkiye|TT Trinidad and Tobago|TV Tuvalu|TW Taiwan, Province of China; Taiwan|TZ Tanzania, United Republic of; Tanzania|UA Ukraine
UG Uganda|UM United States Minor Outlying Islands|US United States of America; United States; USA|UY Uruguay|UZ Uzbekistan|VA Holy See; Vatican City|VC Saint Vincent and the Grenadines|VE Venezuela (Bolivarian Republic of); Venezuela|VG Virgin Islands (British); British Virgin Islands|VI Virgin Islands (U.S.); US Virgin Islands; U.S. Virgin Islands
VN Viet Nam; Vietnam|VU Vanuatu|WF Wallis and Futuna|WS Samoa|XK Kosovo|YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe
"""
_CODE_LENGTH = 2
_ROWS = [row.strip() for line in _NAMES.strip().splitlines() for row in line.split("|")]

COUNTRIES: Mapping[str, tuple[str, ...]] = {
    row[:_CODE_LENGTH]: tuple(name.strip() for name in row[_CODE_LENGTH:].split(";")) for row in _ROWS
}
"""The names of each country by its alpha-2 code; the first is ISO's own."""

_CODES = {name.casefold(): found for found, names in COUNTRIES.items() for name in names}


@lru_cache(maxsize=1_024)
def code(text: str) -> str | None:
    """The alpha-2 code of a country by its code or one of its names, in any letter case; None if it is none."""
    stripped = text.strip()
    if stripped.upper() in COUNTRIES:
        return stripped.upper()
    return _CODES.get(stripped.casefold())
