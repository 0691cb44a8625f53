"""What the words in a header mean: tokens, and the ideas behind them in six languages.

A header is cut into words (`InvoiceNo`, `invoice_no`, `BESTELLNUMMER` and `Order Number` all come apart) and each word stands for one or
more ideas, since `stock` may be an article or an inventory and `nombre` a name or a number. What an idea says for or against one of
our columns does not live here but in `scoring.py`. No header of any particular shop or file is named: these are dictionary words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Idea → words: English, German, French, Spanish, Italian, Dutch, and the abbreviations that tills and ERPs print. Accents are folded.
IDEAS: dict[str, str] = {
    "order": "order orders invoice inv receipt transaction trans txn trx basket cart bill ticket purchase purchases checkout ord booking faktura fakt fatura encomendas voucher "
    "bestellung bestell bestellungs bestellungen auftrag auftrags rechnung rechnungs beleg bon kassenbon einkauf commande commandes cde facture achat "
    "panier pedido pedidos factura compra recibo ordine ordini fattura scontrino acquisto bestelling factuur bestel kassabon encomenda document doc docket",
    "sale": "sale sales sold verkauf verkaufs vente ventes venta ventas vendita vendite verkoop",
    "customer": "customer customers cust cus cst client clients buyer shopper account acct household patron purchaser debtor consumer visitor "
    "kunde kunden kd kaeufer kaufer debitor besteller acheteur cliente clientes clienti comprador acquirente klant klanten koper afnemer",
    "account": "account accounts acct organisation organization household konto compte cuenta conto rekening",
    "user": "user usr member login contact loyalty card benutzer nutzer mitglied utilisateur usuario utente gebruiker lid fidelite tarjeta",
    "product": "product products prod item items article articles art material variant good goods merchandise part model itm produto produtos produse "
    "artikel artikels produkt produkte ware produit produits prd articulo articulos producto prodotto prodotti articolo articoli producten",
    "stock": "stock inventory onhand lager bestand lagerbestand voorraad existencias giacenza",
    "sku": "sku ean upc gtin plu asin barcode isbn mpn artnr artno ean13 gtin13 streepjescode strichcode",
    "id": "id ids no nr num number nbr nummer code key numero ref reference referenz kennung cod codigo codice clave uid guid uuid ident identifier "
    "identificador referentie referencia riferimento schluessel schlussel n nro kode handle",
    "name": "name names title nom nombre nome naam titel titre titulo titolo bezeichnung designation libelle denominacion denominazione benaming label",
    "description": "description desc descr dsc dscr kurztext langtext beschreibung bezeichnung designation libelle descripcion descrizione omschrijving descricao descriptif text artikelbezeichnung detail details",
    "quantity": "quantity qtd qty quant qte qta qnt qnty count units unit_count pieces pcs menge anzahl stueck stuck stk mge quantite nombre cantidad cant ctd unidades uds "
    "quantita pezzi pz hoeveelheid aantal stuks quantidade",
    "price": "retail price prc preis prix precio prezzo prijs pu rate tarif tarifa preco pvp vk vkp",
    "unit": "unit unt each per ea single einzel einheit stueck stuck unitaire unite unitario unitaria unidad unita stuk eenheid piece unitary pro par",
    "total": "tot valor total totals amount amt sum value val revenue sales turnover extended ext subtotal gesamt summe betrag umsatz wert zeilensumme "
    "montant somme importe suma monto importo totale somma valore bedrag totaal som omzet spend spent paid sales_value cogs",
    "date": "date dates datum fecha data dt day jour tag dia giorno dag timestamp datetime am",
    "time": "time uhrzeit zeit zeitpunkt heure hora ora tijd tijdstip timestamp datetime ts moment hour hr",
    "made": "created placed ordered purchased sold bought creation made erstellt bestellt gekauft passee cree creado realizado creato effettuato aangemaakt geplaatst at on",
    "ship": "ship shipping shipped shipment delivery delivered deliver dispatch fulfilled fulfillment fulfilment carrier freight postage handling courier shipto dispatched despatched posted versand liefer lieferung "
    "lieferdatum livraison expedition port envio entrega spedizione consegna verzend verzending bezorging levering delivery_date",
    "tax": "tax taxes vat gst mwst ust steuer tva taxe iva impuesto imposta btw taxable",
    "discount": "discount discounts rabatt rabais remise reduction descuento sconto korting coupon promo promotion nachlass disc retail_disc markdown rebate",
    "pay": "pay paid payment payments zahlung bezahlt zahlungsart paiement pago pagado pagamento betaling betaald processed captured card_type",
    "bill": "billing billto bill rechnungs facturation facturacion fatturazione factuur invoicing",
    "updated": "updated modified changed update edited aktualisiert geandert geaendert modifie modification actualizado modificato gewijzigd last latest completed closed",
    "due": "due deadline estimated expected limit promised faellig fallig valid echeance vencimiento scadenza expiry expires eta start end required requested approved",
    "birth": "birth dob birthday geburtsdatum geburtstag naissance nacimiento nascita geboorte born",
    "email": "email mail emails courriel correo e_mail",
    "phone": "phone telephone tel mobile fax telefon telefono telefoon handy",
    "address": "address street addr address1 address2 adresse strasse rue direccion calle indirizzo via adres straat company company1 firma",
    "region": "city state zip postcode postal province region county territory town suburb ort stadt plz bundesland ville departement ciudad provincia "
    "citta cap plaats stad latitude longitude ip",
    "country": "country countries land pays pais paese nation nazione nazionalita laender lander ctry iso2 countrycode market",
    "currency": "currency curr ccy waehrung wahrung wahrg moeda devise monnaie moneda divisa valuta munt cur",
    "category": "category categories cat department dept group grp class family collection commodity categorie kategorie warengruppe gruppe gruppen produktgruppe sortiment "
    "rubrique famille rayon categoria familia grupo seccion reparto famiglia gruppo rubriek groep afdeling aisle section",
    "line": "line lines lineno position pos zeile row seq sequence index rang ligne linea riga regel rownum posnr entry idx record add",
    "lineitem": "lineitem",
    "status": "status state_of stage zustand etat estado stato flag is has eligible enabled active type typ tipo kind mode art_type level tier source channel method service",
    "cost": "cost costs kosten cout coste costo kost ek wholesale purchase_price einkaufspreis",
    "list": "list msrp rrp uvp original compare regular catalogue catalog before base listing recommended max min",
    "store": "store shop branch outlet terminal register till location warehouse vendor supplier seller brand manufacturer kiosk filiale kasse laden lieferant hersteller marke magasin "
    "fournisseur marque caisse tienda almacen proveedor marca negozio fornitore winkel leverancier merk employee staff cashier clerk salesperson rep agent device website site platform",
    "analytics": "ga analytics cookie browser gaid gclid clientid cid pseudo",
    "signup": "signup sign registered registration register joined join enrolled enrollment since subscribed registriert registrierung anmeldung angemeldet beitritt eintritt mitglied_seit inscription inscrit "
    "alta registro registrazione iscrizione aangemeld registratie lid_sinds accepted",
    "undone": "cancel cancelled canceled cancellation cancelation refund refunded refunds returned return void voided storno storniert annule annulation anulado annullato geannuleerd "
    "invoiced backordered missing rejected",
    "person": "first firstname last lastname surname forename gender sex age vorname nachname prenom apellido cognome voornaam achternaam birthplace education marital income salutation anrede given family_name",
    "note": "note notes comment comments remark remarks memo tags tag_list message url link image html hinweis bemerkung notiz commentaire nota comentario commento opmerking opmerkingen risk attributes properties",
    "weight": "weight grams kg height width length size color colour dimension dimensions volume gewicht poids peso taille groesse farbe pack month year week quarter dow dayname weekday jahr monat woche hours rating score points",
    "percent": "percent pct percentage margin margins profit income_gross ratio share gewinn marge margen margine rank",
    "parent": "parent merchant external prior previous alternate alt legacy sub secondary related original_id internal",
    "filler": "of the for de du del della di da do der des den la el les van een and und et y e incl including excl the in",
    "netgross": "net gross ht ttc netto brutto net_price hors",
    "merch": "retail selling sell actual final effective sale_price verkaufs vente_price charged",
}

_BY_WORD: dict[str, frozenset[str]] = {}
for _idea, _words in IDEAS.items():
    for _word in _words.split():
        _BY_WORD[_word] = _BY_WORD.get(_word, frozenset()) | {_idea}

# Letters that join German and Dutch compounds: Bestellung-s-nummer, Kunde-n-nummer.
_JOINTS = ("", "s", "n", "en", "es")


def fold(text: str) -> str:
    """Lower case without accents.

    >>> fold("Größe"), fold("Quantité")
    ('grosse', 'quantite')
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ẞ", "SS"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).lower()


def loose(header: str) -> str:
    """A header as the reader compares it: case, blanks, hyphens and underscores do not tell names apart.

    >>> loose(" Customer  ID") == loose("customer_id")
    True
    """
    return re.sub(r"[\s_\-]+", "_", header.replace("\0", "").replace("\ufeff", "").strip()).casefold()


@lru_cache(maxsize=4096)
def words_of(header: str) -> tuple[str, ...]:
    """The words a header is made of, folded; glued words come apart where every part is known.

    >>> words_of("InvoiceNo"), words_of("  Customer ID "), words_of("QUANTITYORDERED")
    (('invoice', 'no'), ('customer', 'id'), ('quantity', 'ordered'))
    >>> words_of("Bestellnummer"), words_of("Item #"), words_of("amazon-order-id")
    (('bestell', 'nummer'), ('item', 'no'), ('amazon', 'order', 'id'))
    """
    text = (
        header.replace("N°", " no ")
        .replace("Nº", " no ")
        .replace("№", " no ")
        .replace("#", " no ")
        .replace("%", " percent ")
    )
    text = re.sub(r"(?i)\be[-_ ]mail\b", "email", text)
    text = re.sub(r"(?i)\bline[-_ ]item\b", "lineitem", text)
    text = re.sub(r"(?<=[a-z0-9à-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text[:200])
    parts = [part for part in re.split(r"[^a-z0-9]+", fold(text)) if part]
    found: list[str] = []
    for part in parts:
        found.extend(_apart(part))
    return tuple(found)


def _apart(word: str) -> tuple[str, ...]:
    """A glued word's known parts; the word itself where it is known or does not come apart."""
    if word in _BY_WORD or len(word) < 5 or len(word) > 40:
        return (word.rstrip("0123456789") or word,) if word not in _BY_WORD else (word,)
    best: list[tuple[str, ...] | None] = [None] * (len(word) + 1)
    best[0] = ()
    for end in range(2, len(word) + 1):
        for start in range(end - 1):
            before = best[start]
            if before is None or (part := _known_part(word[start:end])) is None:
                continue
            here = best[end]
            if here is None or len(before) + 1 < len(here):
                best[end] = (*before, part)
    parts = best[len(word)]
    if (
        not parts
        or len(parts) > 4
        or max(map(len, parts)) < 3
        or (max(map(len, parts)) < 4 and any("filler" in _BY_WORD[part] for part in parts))
    ):
        return (word,)
    return parts


def _known_part(piece: str) -> str | None:
    for joint in _JOINTS:
        stem = piece.removesuffix(joint) if joint else piece
        if len(stem) >= (2 if not joint else 4) and stem in _BY_WORD:
            return stem
    return None


def ideas_of(word: str) -> frozenset[str]:
    """The ideas a folded word may stand for; none where it is not in the vocabulary.

    >>> sorted(ideas_of("stuck"))
    ['quantity', 'unit']
    """
    return _BY_WORD.get(word, frozenset())
