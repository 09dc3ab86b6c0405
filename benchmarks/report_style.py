"""The style sheet of the HTML report: light or dark as its reader is, and on paper."""

from __future__ import annotations

# Our choice of inks: any two are 17 apart and more in CIELAB, also to eyes that lack red or green
# (Machado 2009), and all have a contrast of 3 to 1 and more with `--ground` and with `--inside`.
STYLE = """
:root {
color-scheme: light dark;
--ground: #ffffff; --raised: #f5f7f9; --text: #1d2530; --quiet: #566170; --line: #d8dde3;
--link: #0b5c98; --warning: #9c2a10; --warning-ground: #fdf0eb;
--heat: 0 74 140; --on-heat: #ffffff;
--s0: #0b65b0; --s1: #c9480b; --s2: #0f7d68; --s3: #c971aa; --s4: #4c2707; --s5: #978f5a;
--s6: #302a57; --s7: #811c3a; --inside: #ffffff;
}
@media screen and (prefers-color-scheme: dark) {
:root {
--ground: #12161c; --raised: #1a2028; --text: #e6eaf0; --quiet: #a3aebc; --line: #323b47;
--link: #7cc0f2; --warning: #ffb59c; --warning-ground: #3a1d15;
--heat: 70 150 220; --on-heat: #0d1116;
--s0: #62b0f4; --s1: #ff9a66; --s2: #3fbf9b; --s3: #f8bae0; --s4: #748400; --s5: #e6e9af;
--s6: #d74a5c; --s7: #a36a8e; --inside: #0d1116;
}
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 1360px; padding: 2rem clamp(1rem, 3vw, 2.5rem) 4rem;
background: var(--ground); color: var(--text);
font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header { margin-bottom: 2rem; }
header p { margin: .25rem 0; color: var(--quiet); }
.kind { font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 0; font-size: clamp(1.5rem, 3.6vw, 2.1rem); line-height: 1.2; font-weight: 650;
overflow-wrap: anywhere; }
h2 { margin: 0 0 .25rem; font-size: 1.3rem; font-weight: 650; line-height: 1.3; }
a { color: var(--link); }
nav ul { list-style: none; margin: 0 0 2rem; padding: 0; display: flex; flex-wrap: wrap;
gap: .25rem 1rem; font-size: .875rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
main { min-width: 0; }
section { padding: 1.75rem 0 1rem; border-top: 1px solid var(--line); scroll-margin-top: 0; }
.lead { margin: 0 0 1.25rem; max-width: 46rem; color: var(--quiet); }
.note { max-width: 46rem; }
.loud { margin: 0 0 1rem; padding: .7rem 1rem; border-left: 4px solid var(--warning);
background: var(--warning-ground); color: var(--warning);
font-weight: 600; overflow-wrap: anywhere; }
.tiles { display: grid; gap: 1rem 1.5rem; margin-bottom: 1.75rem;
grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.75rem), 1fr)); }
.tile { border-top: 4px solid var(--ink); padding-top: .5rem; }
.tile p { margin: 0; font-size: .875rem; color: var(--quiet); overflow-wrap: anywhere; }
.tile .of { color: var(--text); font-weight: 600; }
.tile .value { font-size: 1.9rem; line-height: 1.3; color: var(--text); font-weight: 650;
font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1.5rem; min-width: 0; }
figcaption, summary { margin-bottom: .4rem; font-size: .875rem; color: var(--quiet);
overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--link); }
details { margin: 0 0 1.5rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.beside { display: grid; gap: 1.5rem;
grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
.beside:has(table) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
.beside figure { margin: 0; }
.beside + * { margin-top: 1.5rem; }
.panel svg { display: block; width: 100%; max-width: 460px; height: auto; }
.wide svg { display: block; min-width: 640px; max-width: 100%; height: auto; }
.legend { list-style: none; margin: 0 0 1rem; padding: 0; display: flex; flex-wrap: wrap;
gap: .25rem 1.25rem; font-size: .875rem; overflow-wrap: anywhere; }
.legend svg { vertical-align: -2px; }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; line-height: 1.4;
font-variant-numeric: tabular-nums; }
th, td { padding: .38rem 1rem .38rem 0; border-bottom: 1px solid var(--line); text-align: left;
vertical-align: top; font-weight: 400; }
td { min-width: 5rem; max-width: 26rem; white-space: nowrap; }
.long { min-width: 16rem; white-space: normal; overflow-wrap: anywhere; }
tbody th { min-width: 8rem; max-width: 20rem; overflow-wrap: anywhere; }
.rows tbody th { min-width: 10.5rem; position: sticky; left: 0; background: var(--ground); }
.group th { padding-top: 1.1rem; max-width: none; font-weight: 600; }
thead th { color: var(--quiet); vertical-align: bottom; border-bottom-color: var(--quiet); }
.n { text-align: right; white-space: nowrap; }
thead .n { white-space: normal; }
.plain thead { display: none; }
.plain tbody th { color: var(--quiet); }
.plain .n { text-align: left; }
.plain td { min-width: 0; }
.plain tbody th { min-width: 6rem; }
.share { display: inline-block; min-width: 6.5rem; padding-bottom: 5px;
background: linear-gradient(var(--s0), var(--s0)) left bottom / var(--share) 3px no-repeat,
linear-gradient(var(--line), var(--line)) left bottom / 100% 3px no-repeat; }
.heat th, .heat td { padding: .3rem .4rem; border: 1px solid var(--ground); }
.heat thead th { vertical-align: bottom; text-align: left; }
.heat thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.heat tbody th { min-width: 0; white-space: nowrap; padding-left: 0; }
.heat td { min-width: 2.9rem; background: rgb(var(--heat) / var(--shade)); }
.heat .none { color: var(--quiet); }
.heat .dark { color: var(--on-heat); }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
fill: var(--text); font-variant-numeric: tabular-nums; }
svg .tick, svg .label { font-size: 12px; fill: var(--quiet); }
svg .inside { font-size: 12px; fill: var(--inside); }
svg .halo { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; }
svg .name { font-size: 12px; fill: var(--ink); }
.grid { stroke: var(--line); }
.axis { stroke: var(--quiet); }
.band { fill: var(--raised); stroke: var(--line); }
.whisker { stroke: var(--text); stroke-width: 2; }
.front { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 5 4; }
.line { fill: none; stroke: var(--ink); stroke-width: 2; stroke-linejoin: round; }
.mark { fill: var(--ink); }
.bar { fill: var(--ink); }
.s0 { --ink: var(--s0); } .s1 { --ink: var(--s1); } .s2 { --ink: var(--s2); }
.s3 { --ink: var(--s3); } .s4 { --ink: var(--s4); } .s5 { --ink: var(--s5); }
.s6 { --ink: var(--s6); } .s7 { --ink: var(--s7); }
@media (min-width: 1180px) {
body { display: grid; grid-template-columns: 11.5rem minmax(0, 1fr); column-gap: 2.5rem; }
header { grid-column: 1 / -1; }
nav ul { position: sticky; top: 1.5rem; flex-direction: column; }
}
@media print {
:root { color-scheme: light; }
html { font-size: 10px; }
body { display: block; max-width: none; padding: 0; }
.wide svg { min-width: 0; max-width: 56rem; }
nav { display: none; }
details::details-content { content-visibility: visible; block-size: auto; }
.scroll { overflow: visible; }
svg, tr, .tile { break-inside: avoid; }
h2, .lead, figcaption { break-after: avoid; }
* { print-color-adjust: exact; }
}
"""
