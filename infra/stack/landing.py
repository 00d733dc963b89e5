"""The first page of the stack's static pages: where everything is, in Chinese and English."""

from __future__ import annotations

import html

_PAGE = """<!doctype html>
<html lang="zh">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>citylake</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #1f2933; }}
a {{ color: #0b5394; }} dt {{ font-weight: 600; margin-top: 1rem; }} dd {{ margin: 0; }}
.synthetic {{ background: #fff4d6; border-left: .3rem solid #d9a400; padding: .4rem .8rem; }}
code {{ background: #f0f2f5; padding: .1rem .3rem; }}
</style>
<h1>citylake 市级数据湖</h1>
{synthetic}<dl>
<dt><a href="{today}/">今日 today</a></dt>
<dd>What is late, held, refused or blocked, since when and why.
什么迟报、待确认、被退回、被拦下，从何时起、为什么。</dd>
<dt><a href="{airflow}">Airflow</a> · 运行与调度</dt>
<dd>Feeds, runs and their logs. 各数据源的运行与日志。</dd>
<dt><a href="runbooks/">Runbooks</a> · 运维手册</dt>
<dd>What to do, step by step. 逐步的处理办法。</dd>
<dt><a href="dbt/">dbt docs</a> · 数据文档</dt>
<dd>Every table and column, and what it is made from; written after the first release.
每张表、每一列及其来源；首次发布后生成。</dd>
<dt><a href="runbooks/">runbooks</a> · 运维手册</dt>
<dd>What to do when something is late, refused or red; in English. 迟到、退回或变红时怎么办（英文）。</dd>
<dt><code>citylake --home {home} sql</code> · 查询</dt>
<dd>The released warehouse, read-only. 已发布的数据仓库，只读。</dd>
</dl>
<p>These addresses answer on this machine only. 以上地址仅限本机访问。</p>
</html>
"""


_SYNTHETIC = '<p class="synthetic">A simulated city: every value is synthetic. 模拟城市：所有数据均为合成数据。</p>\n'


def landing_page(*, today: str, airflow: str, home: str, synthetic: bool) -> str:
    """The HTML of the page. `today` and `airflow` are addresses of pages, `home` the folder of the lake."""
    notice = _SYNTHETIC if synthetic else ""
    return _PAGE.format(
        today=html.escape(today), airflow=html.escape(airflow), home=html.escape(home), synthetic=notice
    )
