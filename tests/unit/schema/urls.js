#!/usr/bin/env node
// What `new URL` says about URLs, as tldraw's validators ask it (spec schema-and-migrations 7).
//
//     node urls.js > urls.json                   the table of the unit test
//     node urls.js compare PROGRAM [N [SEED]]    N random texts; PROGRAM is url_verdicts, built here
//
// Where this Node parts from the standard the texts are left out: its own domain code (ada) takes
// labels whose Punycode is plain ASCII, which UTS 46 refuses since revision 33, looks at the first
// joiner of a label only, and does not apply the Bidi rule to a label that begins with a digit, or to
// others of a domain with an RTL label.
'use strict'
const { execFileSync } = require('node:child_process')

const kinds = { link: ['http:', 'https:', 'mailto:'], src: ['http:', 'https:', 'data:', 'asset:'], http: ['http:', 'https:'] }

function parse(text) {
	for (const base of /^\.?\//.test(text) ? [undefined, 'http://example.com'] : [undefined]) {
		try {
			return new URL(text, base)
		} catch {
			// not like this
		}
	}
	return null
}

/** Bits 1, 2, 4: valid as linkUrl, srcUrl, httpUrl. */
function verdict(text) {
	const url = text === '' ? { protocol: 'http:' } : parse(text)
	return Object.values(kinds).reduce((bits, schemes, i) => bits | (url && schemes.includes(url.protocol.toLowerCase()) ? 1 << i : 0), 0)
}

const schemes = ['http:', 'https:', 'HTTP:', 'Https:', 'mailto:', 'data:', 'asset:', 'ASSET:', 'ftp:', 'file:', 'ws:', 'javascript:', 'h ttp:', 'http', 'a:', 'htt\tp:', '']
const slashes = ['//', '/', '', '///', '\\\\', '/\\', '////', '\t//', '/\n/']
const users = ['', '', '', '', 'u@', 'u:p@', '@', ':@', 'u@@', 'a b@', '[@', ']@', '/@', '?@']
const ports = ['', '', '', ':', ':80', ':0', ':65535', ':65536', ':99999999999', ':a', ':8a', ': 80', ':-1', ':８', ':80:80']
const tails = ['', '/', '/a', '?', '?q', '#f', '\\x', ' ', '/a b', '/%', '/\ud800', '@', '/@', '/:', '\x00', '\x01']
const prefixes = ['', '', '', '', '', ' ', '\t', '\x00', '\x1f', '\u00a0', '.', '/', './', '../']
const hosts = [
	'example.com', 'EXAMPLE.com', 'a', 'localhost', '', '.', '..', 'a..b', '.a', 'a.', '-a', 'a-', 'a_b', 'ab--cd.com',
	// IPv4, in all its spellings
	'1.2.3.4', '1.2.3', '256', '0x7f.1', '0X7F.1', '0x', '0x.1', '4294967295', '4294967296', '0x100000000', '1.2.3.256', '1.256.3.4', '1.16777215', '1.16777216', '1.2.65536', '08.1.1.1', '01.2.3.4', '00', '1.2.3.4.5', '1..2', '.1', '..1', '1.', '1..', 'a.1', 'a.0x1', 'a.0xg', 'a.09', '1.a', '99999999999999999999',
	// IPv6
	'[::1]', '[::]', '[1:2:3:4:5:6:7:8]', '[1:2:3:4:5:6:7::]', '[::2:3:4:5:6:7:8]', '[1::8]', '[1::2::3]', '[:1]', '[1:]', '[:]', '[:::]', '[12345::]', '[::1.2.3.4]', '[::1.2.3]', '[::1.2.3.4.5]', '[::01.2.3.4]', '[::0.0.0.0]', '[::256.2.3.4]', '[::1.2.3.]', '[::.2.3.4]', '[1:2:3:4:5:6:1.2.3.4]', '[1:2:3:4:5:6:7:1.2.3.4]', '[::1.2.3.4:5]', '[::g]', '[::1%25]', '[', ']', '[]', '[::1', '::1]', '[::1]x', 'x[::1]', '[1:2:3:4:5:6:7:8:9]', '[1:2:3:4:5:6:7]', '[ABCD::ef01]',
	// code points that a host may not have, or may
	'a b', 'a<b', 'a>b', 'a^b', 'a|b', 'a%b', 'a%20b', 'a%41b', '%41', '%00', '%', '%zz', '%4', '%2e', 'a%2fb', 'a%3Ab', 'a%5bb', '%7f', '%1f', 'a\x7fb', 'a\x01b', 'a\x00b', '{a}', 'a`b', 'a"b', "a'b", 'a!b', 'a$b', 'a&b', 'a(b)', 'a*b', 'a+b', 'a,b', 'a;b', 'a=b', 'a~b',
	// domains that are not ASCII, or were not
	'ä.com', '%c3%a4.com', '%e4', '☃.net', 'faß.de', 'xn--n3h.net', 'XN--n3h.net', 'xn--', 'a.xn--', 'xn--a', 'xn--zz', 'xn--iñvalid', 'xn--nxasmq6b', 'xn--fa-hia', 'xn--e28h', 'xn--ls8h', 'xn--zca', 'xn--99zt52a', 'xn--ddd', 'xn--1ch', 'xn--0.pt', '１.２.３.４', '０x7f', '%EF%BC%91', '𝟏.2', 'a\u00adb', '\u00ad', '\ufeff', '\ufffd', '\ud800', '%ed%a0%80', 'a\u200db', 'क्\u200dष', '\u200c', 'אב', 'אa', 'א.a', '\u0300a', 'a\u0300', 'ﬀ', '.ä', 'ä.', 'ä..b', 'a\u3002b', '\u3002', 'a\u2260b', 'a=\u0338', 'ß', 'ẞ', 'İ', 'ı', 'ς', '€', '\u0378', '\u{e0001}', '\u{10ffff}', '%f0%9f%92%a9', 'a\u2025b', '⒈com', '🄰', 'x'.repeat(64) + '.com', ('x'.repeat(60) + '.').repeat(6) + 'com', 'ä'.repeat(70),
]
const alphabet = [...'abx0123789.:/\\@[]%#?- \t\n<>|^xX']

function left_out(text) {
	return /[\u0590-\u06ff]|xn---|xn--[^./]*(-(?![a-z0-9])|xn--)|[\u200c\u200d].*[\u200c\u200d]/i.test(text.replace(/[\t\n\r]/g, ''))
}

function table() {
	const texts = new Set(['', ...schemes.map((scheme) => `${scheme}x`), ...schemes.map((scheme) => `${scheme}//x`)])
	hosts.forEach((host) => texts.add(`http://${host}`).add(`https://${host}/`))
	hosts.slice(0, 14).concat('[::1]', '[', 'a b', 'a%20b', 'a%b', 'ä', '☃', 'a<b').forEach((host) => texts.add(`asset://${host}`))
	slashes.forEach((slash) => ['http:', 'asset:', '', '/', './'].forEach((before) => texts.add(`${before}${slash}h`)))
	users.forEach((user) => texts.add(`http://${user}h`).add(`asset://${user}`))
	ports.forEach((port) => texts.add(`http://h${port}`).add(`asset://h${port}`).add(`asset://${port}`).add(`/\\${port}`))
	tails.forEach((tail) => texts.add(`http://h${tail}`).add(`mailto:a${tail}`).add(`/${tail}`).add(`http:${tail}`))
	prefixes.forEach((prefix) => texts.add(`${prefix}http://h`).add(`${prefix}x`))
	const kept = [...texts].filter((text) => !left_out(text))
	return `[\n${kept.map((text) => JSON.stringify([text, verdict(text)])).join(',\n')}\n]\n`
}

function compare(program, count, seed) {
	const random = (n) => {
		seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
		return Math.floor((seed / 4294967296) * n)
	}
	const pick = (list) => list[random(list.length)]
	const several = (n, list) => Array.from({ length: n }, () => pick(list)).join('')
	const whole = () => pick(schemes) + pick(slashes) + pick(users) + pick(hosts) + pick(ports) + pick(tails)
	const makers = [
		() => pick(prefixes) + whole(),
		() => pick(['/', './']) + pick(slashes) + pick(users) + pick(hosts) + pick(ports) + pick(tails),
		() => pick(['http://', 'https://', '//', '/', './', 'asset://', 'mailto:', 'http://[']) + several(random(12), alphabet),
		() => `http://${pick(hosts)}${pick(['', '.', '-'])}${pick(hosts)}${pick(tails)}`,
		() => {
			const text = [...whole()]
			for (let i = random(3); i >= 0; i--) text.splice(random(text.length + 1), random(2), ...(random(2) ? [pick(alphabet)] : []))
			return text.join('')
		},
	]
	const texts = Array.from({ length: count }, () => pick(makers)()).filter((text) => !left_out(text))
	const found = execFileSync(program, { input: JSON.stringify(texts), maxBuffer: 2 ** 30 }).toString()
	const wrong = texts.filter((text, i) => Number(found[i]) !== verdict(text))
	wrong.slice(0, 50).forEach((text) => console.log(`${JSON.stringify(text)} is ${verdict(text)}`))
	console.log(`${texts.length - wrong.length} passed, ${wrong.length} failed`)
	process.exitCode = wrong.length > 0 ? 1 : 0
}

if (process.argv[2] === 'compare') {
	compare(process.argv[3], Number(process.argv[4] ?? 100000), Number(process.argv[5] ?? 1))
} else {
	process.stdout.write(table())
}
