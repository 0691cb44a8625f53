"""Which values look like a country or a currency: ISO 3166 and ISO 4217 codes and the names people write.

Only lists and membership; what it means for a column that its values are countries is in `scoring.py`.
"""

from __future__ import annotations

from functools import cache

from sahara_assets.onboarding.vocabulary import fold

_ALPHA2 = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW "
    "CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO "
    "IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ "
    "NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY "
    "SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW UK EU XK"
)
_ALPHA3 = (
    "ARE ARG AUS AUT BEL BGR BRA CAN CHE CHL CHN COL CYP CZE DEU DNK EGY ESP EST FIN FRA GBR GRC HKG HRV HUN IDN IND IRL ISL ISR ITA JPN KOR LTU LUX LVA MAR MEX MLT MYS "
    "NLD NOR NZL PER PHL POL PRT ROU RUS SAU SGP SRB SVK SVN SWE THA TUR TWN UKR USA VNM ZAF RSA UAE"
)
_NAMES = (
    "Afghanistan|Albania|Algeria|Andorra|Angola|Argentina|Argentinien|Armenia|Australia|Australien|Australie|Austria|Österreich|Autriche|Oostenrijk|Azerbaijan|Bahamas|"
    "Bahrain|Bangladesh|Barbados|Belarus|Belgium|Belgien|Belgique|Bélgica|Belgio|België|Bolivia|Bosnia and Herzegovina|Botswana|Brazil|Brasilien|Brésil|Brasil|Brasile|"
    "Brunei|Bulgaria|Bulgarien|Cambodia|Cameroon|Canada|Kanada|Canadá|Channel Islands|Chile|China|Colombia|Costa Rica|Croatia|Kroatien|Croatie|Cuba|Cyprus|Zypern|"
    "Czech Republic|Czechia|Tschechien|Tschechische Republik|Denmark|Dänemark|Danemark|Dinamarca|Danimarca|Denemarken|Dominican Republic|Ecuador|Egypt|Ägypten|"
    "EIRE|El Salvador|England|Estonia|Estland|Ethiopia|European Community|Finland|Finnland|Finlande|Finlandia|France|Frankreich|Francia|Frankrijk|Georgia|Germany|"
    "Deutschland|Allemagne|Alemania|Germania|Duitsland|Ghana|Gibraltar|Great Britain|Großbritannien|Greece|Griechenland|Grèce|Grecia|Guatemala|Guernsey|Honduras|"
    "Hong Kong|Hungary|Ungarn|Hongrie|Hungría|Iceland|Island|India|Indien|Inde|Indonesia|Iran|Iraq|Ireland|Irland|Irlande|Irlanda|Ierland|Isle of Man|Israel|Italy|"
    "Italien|Italie|Italia|Italië|Jamaica|Japan|Japon|Japón|Giappone|Jersey|Jordan|Kazakhstan|Kenya|Kuwait|Latvia|Lettland|Lebanon|Liechtenstein|Lithuania|Litauen|"
    "Luxembourg|Luxemburg|Luxemburgo|Lussemburgo|Macedonia|Madagascar|Malaysia|Malta|Mauritius|Mexico|México|Mexiko|Mexique|Messico|Moldova|Monaco|Mongolia|Montenegro|"
    "Morocco|Maroc|Marokko|Mozambique|Myanmar|Namibia|Nepal|Netherlands|The Netherlands|Niederlande|Pays-Bas|Países Bajos|Paesi Bassi|Nederland|Holland|New Zealand|"
    "Neuseeland|Nicaragua|Nigeria|North Macedonia|Northern Ireland|Norway|Norwegen|Norvège|Noruega|Norvegia|Noorwegen|Oman|Pakistan|Panama|Paraguay|Peru|Perú|"
    "Philippines|Poland|Polen|Pologne|Polonia|Portugal|Portogallo|Puerto Rico|Qatar|Romania|Rumänien|Roumanie|Russia|Russland|Russian Federation|RSA|Saudi Arabia|Scotland|"
    "Senegal|Serbia|Serbien|Singapore|Singapur|Slovakia|Slowakei|Slovenia|Slowenien|South Africa|Südafrika|South Korea|Korea|Spain|Spanien|Espagne|España|Spagna|Spanje|"
    "Sri Lanka|Sweden|Schweden|Suède|Suecia|Svezia|Zweden|Switzerland|Schweiz|Suisse|Suiza|Svizzera|Zwitserland|Taiwan|Tanzania|Thailand|Tunisia|Turkey|Türkei|Türkiye|"
    "Turquie|Uganda|UK|Ukraine|United Arab Emirates|United Kingdom|Vereinigtes Königreich|Royaume-Uni|Reino Unido|Regno Unito|Verenigd Koninkrijk|United States|"
    "United States of America|Vereinigte Staaten|États-Unis|Estados Unidos|Stati Uniti|Verenigde Staten|USA|U.S.A.|U.K.|Uruguay|Uzbekistan|Venezuela|Vietnam|Wales|Zambia|Zimbabwe"
)
_CURRENCIES = "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HRK HUF IDR ILS INR ISK JPY KRW MAD MXN MYR NGN NOK NZD PEN PHP PLN RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
SYMBOLS = {
    "£": "GBP",
    "€": "EUR",
    "$": "USD",
    "¥": "JPY",
    "₹": "INR",
    "zł": "PLN",
    "Kč": "CZK",
    "₺": "TRY",
    "₽": "RUB",
    "R$": "BRL",
}


@cache
def _names() -> frozenset[str]:
    return frozenset(fold(name) for name in _NAMES.split("|"))


@cache
def _codes() -> frozenset[str]:
    return frozenset(_ALPHA2.split()) | frozenset(_ALPHA3.split())


@cache
def _currencies() -> frozenset[str]:
    return frozenset(_CURRENCIES.split())


def is_country(value: str) -> bool:
    """Whether a value is a country's name (in six languages) or ISO code.

    >>> is_country("Deutschland"), is_country("GB"), is_country("Widget")
    (True, True, False)
    """
    text = value.strip()
    return text.upper() in _codes() if len(text) <= 3 else fold(text) in _names()


def is_currency(value: str) -> bool:
    """Whether a value is one of the usual ISO 4217 codes.

    >>> is_currency("EUR"), is_currency("ABC")
    (True, False)
    """
    return value.strip().upper() in _currencies()
