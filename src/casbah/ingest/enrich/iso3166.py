"""The countries of ISO 3166-1, one per line: alpha-2 and alpha-3 code, English short name, other names in use.

Codes as in the time zone database's `iso3166.tab` (public domain, 2026) and https://www.iso.org/iso-3166-country-codes.html.
Kosovo has no code in the standard; XK is what MaxMind, Microsoft and the European Union use.
"""

TABLE = """\
AD AND  Andorra
AE ARE  United Arab Emirates | UAE
AF AFG  Afghanistan
AG ATG  Antigua and Barbuda
AI AIA  Anguilla
AL ALB  Albania
AM ARM  Armenia
AO AGO  Angola
AQ ATA  Antarctica
AR ARG  Argentina
AS ASM  American Samoa
AT AUT  Austria
AU AUS  Australia
AW ABW  Aruba
AX ALA  Åland Islands | Aland
AZ AZE  Azerbaijan
BA BIH  Bosnia and Herzegovina | Bosnia
BB BRB  Barbados
BD BGD  Bangladesh
BE BEL  Belgium
BF BFA  Burkina Faso
BG BGR  Bulgaria
BH BHR  Bahrain
BI BDI  Burundi
BJ BEN  Benin
BL BLM  Saint Barthélemy
BM BMU  Bermuda
BN BRN  Brunei Darussalam | Brunei
BO BOL  Bolivia, Plurinational State of | Bolivia
BQ BES  Bonaire, Sint Eustatius and Saba | Caribbean Netherlands | Bonaire
BR BRA  Brazil
BS BHS  Bahamas
BT BTN  Bhutan
BV BVT  Bouvet Island
BW BWA  Botswana
BY BLR  Belarus
BZ BLZ  Belize
CA CAN  Canada
CC CCK  Cocos (Keeling) Islands | Keeling Islands | Cocos Islands
CD COD  Congo, The Democratic Republic of the | DR Congo | DRC | Congo-Kinshasa | Congo, Democratic Republic of the | Zaire
CF CAF  Central African Republic | Central African Rep.
CG COG  Congo | Congo (Rep.) | Republic of the Congo | Congo-Brazzaville
CH CHE  Switzerland | Swiss Confederation
CI CIV  Côte d'Ivoire | Ivory Coast
CK COK  Cook Islands
CL CHL  Chile
CM CMR  Cameroon
CN CHN  China | People's Republic of China | PRC | Mainland China
CO COL  Colombia
CR CRI  Costa Rica
CU CUB  Cuba
CV CPV  Cabo Verde | Cape Verde
CW CUW  Curaçao
CX CXR  Christmas Island
CY CYP  Cyprus
CZ CZE  Czechia | Czech Republic
DE DEU  Germany | Deutschland | Federal Republic of Germany
DJ DJI  Djibouti
DK DNK  Denmark
DM DMA  Dominica
DO DOM  Dominican Republic
DZ DZA  Algeria
EC ECU  Ecuador
EE EST  Estonia
EG EGY  Egypt
EH ESH  Western Sahara
ER ERI  Eritrea
ES ESP  Spain | España
ET ETH  Ethiopia
FI FIN  Finland
FJ FJI  Fiji
FK FLK  Falkland Islands (Malvinas) | Falkland Islands | Malvinas
FM FSM  Micronesia, Federated States of | Micronesia
FO FRO  Faroe Islands | Faeroe Islands
FR FRA  France
GA GAB  Gabon
GB GBR United Kingdom | United Kingdom of Great Britain and Northern Ireland | Great Britain | England | Scotland | Wales
GD GRD  Grenada
GE GEO  Georgia
GF GUF  French Guiana
GG GGY  Guernsey
GH GHA  Ghana
GI GIB  Gibraltar
GL GRL  Greenland
GM GMB  Gambia
GN GIN  Guinea
GP GLP  Guadeloupe
GQ GNQ  Equatorial Guinea
GR GRC  Greece
GS SGS  South Georgia and the South Sandwich Islands | South Georgia
GT GTM  Guatemala
GU GUM  Guam
GW GNB  Guinea-Bissau
GY GUY  Guyana
HK HKG  Hong Kong | Hong Kong SAR | Hong Kong SAR China
HM HMD  Heard Island and McDonald Islands
HN HND  Honduras
HR HRV  Croatia
HT HTI  Haiti
HU HUN  Hungary
ID IDN  Indonesia
IE IRL  Ireland | Republic of Ireland | Eire
IL ISR  Israel
IM IMN  Isle of Man
IN IND  India
IO IOT  British Indian Ocean Territory
IQ IRQ  Iraq
IR IRN  Iran, Islamic Republic of | Iran
IS ISL  Iceland
IT ITA  Italy
JE JEY  Jersey
JM JAM  Jamaica
JO JOR  Jordan
JP JPN  Japan
KE KEN  Kenya
KG KGZ  Kyrgyzstan | Kyrgyz Republic
KH KHM  Cambodia
KI KIR  Kiribati
KM COM  Comoros
KN KNA  Saint Kitts and Nevis
KP PRK  Korea, Democratic People's Republic of | North Korea | Korea (North) | DPRK
KR KOR  Korea, Republic of | South Korea | Korea (South) | Korea
KW KWT  Kuwait
KY CYM  Cayman Islands
KZ KAZ  Kazakhstan
LA LAO  Lao People's Democratic Republic | Laos | Lao PDR
LB LBN  Lebanon
LC LCA  Saint Lucia
LI LIE  Liechtenstein
LK LKA  Sri Lanka
LR LBR  Liberia
LS LSO  Lesotho
LT LTU  Lithuania
LU LUX  Luxembourg
LV LVA  Latvia
LY LBY  Libya | Libyan Arab Jamahiriya
MA MAR  Morocco
MC MCO  Monaco
MD MDA  Moldova, Republic of | Moldova
ME MNE  Montenegro
MF MAF  Saint Martin (French part) | St. Martin (French) | Saint Martin
MG MDG  Madagascar
MH MHL  Marshall Islands
MK MKD  North Macedonia | Macedonia | FYROM | The former Yugoslav Republic of Macedonia
ML MLI  Mali
MM MMR  Myanmar | Burma
MN MNG  Mongolia
MO MAC  Macao | Macau | Macao SAR | Macao SAR China
MP MNP  Northern Mariana Islands
MQ MTQ  Martinique
MR MRT  Mauritania
MS MSR  Montserrat
MT MLT  Malta
MU MUS  Mauritius
MV MDV  Maldives
MW MWI  Malawi
MX MEX  Mexico
MY MYS  Malaysia
MZ MOZ  Mozambique
NA NAM  Namibia
NC NCL  New Caledonia
NE NER  Niger
NF NFK  Norfolk Island
NG NGA  Nigeria
NI NIC  Nicaragua
NL NLD  Netherlands | Holland | Kingdom of the Netherlands
NO NOR  Norway
NP NPL  Nepal
NR NRU  Nauru
NU NIU  Niue
NZ NZL  New Zealand
OM OMN  Oman
PA PAN  Panama
PE PER  Peru
PF PYF  French Polynesia
PG PNG  Papua New Guinea
PH PHL  Philippines
PK PAK  Pakistan
PL POL  Poland
PM SPM  Saint Pierre and Miquelon
PN PCN  Pitcairn | Pitcairn Islands
PR PRI  Puerto Rico
PS PSE  Palestine, State of | Palestine | Palestinian Territory, Occupied | Palestinian Territories
PT PRT  Portugal
PW PLW  Palau
PY PRY  Paraguay
QA QAT  Qatar
RE REU  Réunion
RO ROU  Romania
RS SRB  Serbia
RU RUS  Russian Federation | Russia
RW RWA  Rwanda
SA SAU  Saudi Arabia
SB SLB  Solomon Islands
SC SYC  Seychelles
SD SDN  Sudan
SE SWE  Sweden
SG SGP  Singapore
SH SHN  Saint Helena, Ascension and Tristan da Cunha | St. Helena
SI SVN  Slovenia
SJ SJM  Svalbard and Jan Mayen | Svalbard
SK SVK  Slovakia | Slovak Republic
SL SLE  Sierra Leone
SM SMR  San Marino
SN SEN  Senegal
SO SOM  Somalia
SR SUR  Suriname
SS SSD  South Sudan
ST STP  Sao Tome and Principe
SV SLV  El Salvador
SX SXM  Sint Maarten (Dutch part) | St. Maarten (Dutch) | Sint Maarten
SY SYR  Syrian Arab Republic | Syria
SZ SWZ  Eswatini | Swaziland
TC TCA  Turks and Caicos Islands
TD TCD  Chad
TF ATF  French Southern Territories | French Southern and Antarctic Lands
TG TGO  Togo
TH THA  Thailand
TJ TJK  Tajikistan
TK TKL  Tokelau
TL TLS  Timor-Leste | East Timor
TM TKM  Turkmenistan
TN TUN  Tunisia
TO TON  Tonga
TR TUR  Türkiye | Turkey
TT TTO  Trinidad and Tobago
TV TUV  Tuvalu
TW TWN  Taiwan, Province of China | Taiwan | Chinese Taipei
TZ TZA  Tanzania, United Republic of | Tanzania
UA UKR  Ukraine
UG UGA  Uganda
UM UMI  United States Minor Outlying Islands | US minor outlying islands
US USA  United States | United States of America | USA | U.S. | America
UY URY  Uruguay
UZ UZB  Uzbekistan
VA VAT  Holy See (Vatican City State) | Vatican City | Vatican | Holy See | Vatican City State
VC VCT  Saint Vincent and the Grenadines | St. Vincent
VE VEN  Venezuela, Bolivarian Republic of | Venezuela
VG VGB  Virgin Islands, British | Virgin Islands (UK)
VI VIR  Virgin Islands, U.S. | United States Virgin Islands
VN VNM  Viet Nam | Vietnam
VU VUT  Vanuatu
WF WLF  Wallis and Futuna
WS WSM  Samoa
XK XKX Kosovo
YE YEM  Yemen
YT MYT  Mayotte
ZA ZAF  South Africa
ZM ZMB  Zambia
ZW ZWE  Zimbabwe
"""
