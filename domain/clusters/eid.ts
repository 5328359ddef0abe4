/**
 * Ids as published clients of the cluster API write them: the 128 bits of a UUID in lower-case Base32 (RFC 4648) without padding, 26
 * characters. The last one holds two bits that are always zero. https://docs.crunchybridge.com/api-concepts/eid
 */

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const CANONICAL = /^[a-z2-7]{25}[aeimquy4]$/;
const BITS = 5n;
const SPARE_BITS = 2n;
const EID_LENGTH = 26;

/** Whether a text is an EID in its one form: another last character would decode to the same bits. */
export function isEid(text: string): boolean {
  return CANONICAL.test(text);
}

/** The EID of a UUID, which may be any 128 bits: published ids are not all of a UUID version. */
export function eidOf(uuid: string): string {
  let bits = BigInt(`0x${uuid.replaceAll('-', '')}`) << SPARE_BITS;
  let text = '';
  for (let place = 0; place < EID_LENGTH; place += 1) {
    text = `${ALPHABET[Number(bits & 31n)]}${text}`;
    bits >>= BITS;
  }
  return text;
}

/** The UUID of an EID; undefined for any other text. */
export function uuidOf(eid: string): string | undefined {
  if (!isEid(eid)) return undefined;
  let bits = 0n;
  for (const character of eid) bits = (bits << BITS) | BigInt(ALPHABET.indexOf(character));
  const hex = (bits >> SPARE_BITS).toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
