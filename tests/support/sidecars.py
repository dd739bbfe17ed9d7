"""Sidecars as other programs write them."""

#: As digiKam writes it: all properties in one description, simple ones as attributes.
DIGIKAM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   digiKam:ColorLabel="0"
   xmp:Rating="4"
   acdsee:categories="&lt;Category Assigned=&quot;1&quot;&gt;Rome&lt;/Category&gt;">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>Places/Rome</rdf:li>
     <rdf:li>tabby</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Rome</rdf:li>
     <rdf:li>tabby</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Rome</rdf:li>
     <rdf:li>tabby</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()

#: Unusual and right: other prefixes and quotes, no packet around, a comment, a qualifier.
ODD = b"""<?xml version='1.0' encoding='UTF-8'?>
<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:d='http://purl.org/dc/elements/1.1/'>
<r:Description r:about='uuid:a"b'><!-- <d:subject> --><d:subject><r:Bag><r:li xml:lang='x-default'
>caf\xc3\xa9 &amp; &#x63;ake</r:li><r:li><![CDATA[<b>]]></r:li></r:Bag></d:subject></r:Description>
<r:Description r:about='uuid:a"b' xmlns:m='urn:mine' m:kept='yes'/>
</r:RDF>
"""
