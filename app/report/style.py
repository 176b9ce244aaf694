"""The look of a report: light, printable on A4, colours of the program's light theme."""

FONT = 'Inter, "Segoe UI", "Helvetica Neue", Roboto, "Noto Sans", Arial, sans-serif'

CSS = f"""
:root {{
  --paper:#fff; --window:#f2f5f8; --raised:#e9eef3; --track:#dde5ec; --line:#d3dce5;
  --text1:#15212c; --text2:#44566a; --text3:#56687b; --enjoyment:#9c6300; --band:#f1e8d8;
  --entrainment:#00736a; --layer:#4a4fc4; --layerfill:#e3e4f8; --callout:#ecf5f3;
}}
* {{ box-sizing:border-box; }}
html {{ -webkit-print-color-adjust:exact; print-color-adjust:exact; }}
body {{ margin:0; background:var(--window); color:var(--text1);
  font:400 15px/1.5 {FONT}; font-variant-numeric:tabular-nums; }}
main {{ max-width:940px; margin:32px auto; padding:56px 64px 40px; background:var(--paper);
  border-radius:14px; box-shadow:0 1px 3px rgba(21,33,44,.10); }}
h1 {{ font-size:32px; line-height:1.2; font-weight:600; margin:0 0 6px; letter-spacing:-.01em; }}
h2 {{ font-size:20px; line-height:1.3; font-weight:600; margin:0; }}
h3 {{ font-size:15px; font-weight:600; margin:24px 0 8px; }}
p {{ margin:0 0 8px; }}
section {{ margin-top:36px; }}
h2 + p {{ margin-top:8px; }}
.sub {{ color:var(--text2); font-size:16px; }}
.sub span + span::before {{ content:"·"; margin:0 .6em; }}
header {{ display:flex; justify-content:space-between; gap:24px; padding-bottom:20px;
  border-bottom:1px solid var(--line); }}
header .right {{ text-align:right; color:var(--text2); font-size:14px; padding-top:6px;
  flex:none; }}
.notice {{ margin-top:20px; padding:14px 20px; border:1.5px solid var(--enjoyment);
  border-radius:10px; background:#fbf6ec; font-weight:600; display:flex; gap:14px;
  align-items:center; }}
.notice svg {{ flex:none; }}
.problems {{ margin-top:12px; padding:12px 20px; border-radius:10px; background:var(--raised);
  color:var(--text2); font-size:14px; }}
.callout {{ margin-top:20px; padding:18px 28px; border-left:6px solid var(--entrainment);
  border-radius:6px 10px 10px 6px; background:var(--callout); font-size:17.5px; }}
.callout p {{ margin:0; }}
.cards {{ display:grid; grid-template-columns:repeat(4,1fr); gap:16px; margin-top:28px; }}
.card {{ border:1px solid var(--line); border-radius:14px; padding:14px 16px 12px; }}
.card dt {{ font-size:14px; color:var(--text2); font-weight:500; }}
.card .big {{ margin:2px 0 0; font-size:29px; line-height:1.35; font-weight:600;
  white-space:nowrap; letter-spacing:-.01em; }}
.card .big.words {{ font-size:19px; line-height:2.05; }}
.card .foot {{ margin:0; font-size:12.5px; color:var(--text3); }}
.head {{ display:flex; justify-content:space-between; align-items:baseline; gap:12px 24px;
  flex-wrap:wrap; margin-bottom:10px; }}
.legend {{ display:flex; gap:6px 18px; flex-wrap:wrap; margin:0; padding:0; list-style:none;
  color:var(--text2); font-size:13px; }}
.legend li {{ display:flex; align-items:center; gap:7px; }}
figure {{ margin:0; }}
figure svg {{ display:block; width:100%; height:auto; }}
figcaption, .note {{ color:var(--text3); font-size:13px; margin-top:8px; }}
svg text {{ font-family:{FONT}; font-variant-numeric:tabular-nums; }}
.axis {{ font-size:12px; fill:var(--text3); }}
.grid {{ stroke:#e3e9ee; stroke-width:1; }}
.base {{ stroke:var(--line); stroke-width:1; }}
.piece {{ font-size:12px; font-weight:500; fill:var(--text1); }}
.given {{ font-size:13px; font-weight:600; fill:var(--text1); text-anchor:middle;
  stroke:#fff; stroke-width:3.5px; paint-order:stroke; }}
.mark {{ font-size:11px; font-weight:600; fill:#fff; text-anchor:middle; }}
.layerword {{ font-size:12px; font-weight:600; fill:var(--layer); }}
.steps {{ display:grid; grid-template-columns:repeat(3,1fr); gap:16px; margin:14px 0 0;
  padding:0; list-style:none; counter-reset:step; }}
.steps li {{ position:relative; padding:12px 14px 12px 48px; border-radius:10px;
  background:var(--callout); }}
.steps li.missing {{ background:var(--raised); color:var(--text2); }}
.steps svg {{ position:absolute; left:14px; top:14px; }}
.steps strong {{ display:block; font-weight:600; }}
.steps span {{ font-size:13px; color:var(--text2); }}
table {{ width:100%; border-collapse:collapse; font-size:14px; margin-top:10px; }}
th {{ text-align:left; font-weight:500; color:var(--text3); font-size:12.5px;
  border-bottom:1px solid var(--line); padding:6px 14px 6px 0; vertical-align:bottom; }}
td {{ border-bottom:1px solid #e9eef3; padding:8px 14px 8px 0; vertical-align:top; }}
th.n, td.n {{ text-align:right; white-space:nowrap; }}
td.t {{ white-space:nowrap; color:var(--text2); }}
td small {{ display:block; color:var(--text3); font-size:12.5px; }}
tr {{ break-inside:avoid; }}
.badge {{ display:inline-block; min-width:19px; height:19px; border-radius:10px;
  background:var(--text1); color:#fff; font-size:11px; line-height:19px; font-weight:600;
  text-align:center; padding:0 5px; margin-right:10px; }}
.kind {{ display:inline-block; border-radius:6px; padding:0 7px; font-size:12.5px;
  background:var(--raised); color:var(--text2); white-space:nowrap; }}
.meter {{ width:100%; min-width:160px; height:10px; display:block; margin-top:6px; }}
.facts {{ display:grid; grid-template-columns:1fr 1fr; gap:0 40px; margin:10px 0 0; }}
.facts div {{ display:flex; justify-content:space-between; gap:20px; padding:6px 0;
  border-bottom:1px solid #e9eef3; font-size:13.5px; }}
.facts dt {{ color:var(--text3); flex:none; }}
.facts dd {{ margin:0; text-align:right; overflow-wrap:anywhere; }}
footer {{ margin-top:40px; padding-top:16px; border-top:1px solid var(--line); font-size:13.5px;
  color:var(--text2); }}
footer .small {{ margin-top:12px; font-size:12px; color:var(--text3); }}
@media screen and (max-width:720px) {{
  main {{ padding:28px 20px; margin:0; border-radius:0; }}
  .cards, .facts {{ grid-template-columns:1fr 1fr; }}
  .steps {{ grid-template-columns:1fr; }}
}}
@page {{ size:A4; margin:14mm 13mm; }}
@media print {{
  body {{ background:#fff; }}
  main {{ zoom:.78; margin:0; padding:0; max-width:none; box-shadow:none; border-radius:0; }}
  section {{ margin-top:28px; }}
  figure, .card, .callout, .notice, .steps li {{ break-inside:avoid; }}
  h2, h3 {{ break-after:avoid; }}
}}
"""
