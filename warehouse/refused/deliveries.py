"""In words, the rules by which a delivery is refused whole, and what its steward can do.

The message of a receipt says more, such as which names of the header are missing; it may quote the file. A test
collects the rules from the code and fails for one without words here.
"""

from __future__ import annotations

from warehouse.refused.records import RECORD_RULES
from warehouse.title import Title

_AGAIN = Title(
    zh="在源系统重新导出完整文件，确认能正常打开后，以新文件名重新报送",
    en="export the whole file again, open it to see that it is sound, and send it under a new name",
)
_CORRECT = Title(
    zh="按退回记录清单更正后，以新文件名重新报送整个文件",
    en="correct the rows listed, and send the whole file again under a new name",
)
_WORKBOOK = Title(
    zh="用 Excel 另存为无宏的 .xlsx 工作簿后，以新文件名重新报送",
    en="save it in Excel as an .xlsx workbook without macros, and send it under a new name",
)
_DECLARED = Title(
    zh="按约定的文件格式导出后，以新文件名重新报送",
    en="export the agreed format, and send it under a new name",
)
_OPERATORS = Title(
    zh="系统缺陷，报送单位无需处理；运维人员处理后自动重试",
    en="a defect of the lake: nothing to do for the department; operators see to it and it is tried again",
)


def _header_line(rule: str) -> tuple[Title, Title]:
    """The words of a record's rule, about the header line: a file without it cannot be read."""
    words, mend = RECORD_RULES[rule]
    return Title(zh=f"表头：{words.zh}", en=f"the header line: {words.en}"), mend


DELIVERY_RULES: dict[str, tuple[Title, Title]] = {
    "refused_share": (
        Title(zh="不合格记录所占比例超过约定上限", en="more rows are refused than the limit agreed"),
        _CORRECT,
    ),
    "encoding": (
        Title(zh="文件不是约定的字符编码", en="the file is not in the agreed encoding"),
        Title(
            zh="按约定的字符编码重新导出，以新文件名重新报送",
            en="export it in the agreed encoding, and send it under a new name",
        ),
    ),
    "header": (
        Title(zh="表头与约定不符", en="the header is not the agreed one"),
        Title(
            zh="按约定的列名报送；列有变更请先与数据湖管理方商定",
            en="send the agreed names; agree a change of columns with the lake's operators first",
        ),
    ),
    "empty": (
        Title(zh="文件为空，或没有数据记录", en="the file is empty or has no record"),
        Title(zh="核对导出条件，以新文件名重新报送", en="check what was exported, and send it under a new name"),
    ),
    "html_page": (
        Title(zh="收到的是网页（登录页或错误页），不是数据文件", en="an HTML page came instead of data"),
        Title(
            zh="在浏览器中打开数据接口，核对登录状态与地址",
            en="open the source in a browser; see whether it asks for a login or shows an error",
        ),
    ),
    "container": (Title(zh="文件类型与约定不符", en="the file is of another type than agreed"), _DECLARED),
    "unterminated_quote": (
        Title(zh="有引号未闭合，其后内容无法读取", en="a quote is never closed; what follows it cannot be read"),
        Title(zh="补上引号，文本中的引号写成两个，重新报送", en="close the quote, double those that belong to a text"),
    ),
    "bare_carriage_return": _header_line("bare_carriage_return"),
    "malformed_quote": _header_line("malformed_quote"),
    "record_too_long": _header_line("record_too_long"),
    "json_malformed": (Title(zh="文件不是有效的 JSON", en="the file is not JSON"), _AGAIN),
    "json_records": (Title(zh="在约定位置没有记录列表", en="no list of records where it was agreed to be"), _DECLARED),
    "document_too_long": (
        Title(zh="记录列表以外的内容过大", en="what stands beside the list of records is too long"),
        _DECLARED,
    ),
    "xml_malformed": (Title(zh="文件不是格式正确的 XML", en="the file is not well-formed XML"), _AGAIN),
    "xml_doctype": (Title(zh="XML 含文档类型声明（DOCTYPE）", en="the XML has a DOCTYPE"), _DECLARED),
    "xml_depth": (Title(zh="XML 元素嵌套过深", en="elements of the XML are nested too deep"), _DECLARED),
    "xml_token": (Title(zh="XML 标签过长", en="a tag of the XML is too long"), _DECLARED),
    "xml_records": (
        Title(zh="在约定位置没有记录元素", en="no record where the XML was agreed to have them"),
        _DECLARED,
    ),
    "xml_elements": (
        Title(zh="XML 缺少必需元素，或有未约定的元素", en="elements of the XML are missing or not agreed"),
        _DECLARED,
    ),
    "hl7_messages": (Title(zh="文件中没有 HL7 消息", en="the file has no HL7 message"), _DECLARED),
    "hl7_batch": (
        Title(zh="文件或批次首尾（FHS、BHS、BTS、FTS）与内容不符", en="the file's or a batch's envelope does not fit"),
        _AGAIN,
    ),
    "hl7_segments": (Title(zh="有未约定的消息段", en="segments that are not agreed"), _DECLARED),
    "members": (
        Title(zh="压缩包内缺少约定的文件", en="the archive lacks a file that was agreed"),
        Title(zh="补齐压缩包内的文件，以新文件名重新报送", en="complete the archive, and send it under a new name"),
    ),
    "fhir_version": (
        Title(zh="导出的资源不是 FHIR R4 版本", en="the resources exported are not of FHIR R4"),
        RECORD_RULES["fhir_version"][1],
    ),
    "fhir_manifest": (
        Title(zh="导出的文件或资源数与清单（manifest）不符", en="the files or resources are not those of the manifest"),
        Title(zh="重新导出全部文件后重新报送", en="export everything again, and send it again"),
    ),
    "zip_damaged": (Title(zh="压缩包已损坏", en="the archive is damaged"), _AGAIN),
    "zip_unsafe": (Title(zh="压缩包不安全（路径或大小异常）", en="the archive is unsafe: its paths or sizes"), _AGAIN),
    "workbook_damaged": (Title(zh="工作簿已损坏", en="the workbook is damaged"), _WORKBOOK),
    "workbook_unsafe": (Title(zh="工作簿含不安全的内容", en="the workbook has unsafe content"), _WORKBOOK),
    "workbook_macros": (Title(zh="工作簿含宏", en="the workbook holds macros"), _WORKBOOK),
    "workbook_links": (
        Title(zh="工作簿引用其他文件", en="the workbook refers to other files"),
        Title(
            zh="在 Excel 中断开链接，保留数值后保存并重新报送", en="break the links in Excel, keep the values, save it"
        ),
    ),
    "workbook_encrypted": (
        Title(zh="工作簿设有密码", en="the workbook is encrypted with a password"),
        Title(zh="取消密码后保存并重新报送", en="remove the password, save it, and send it again"),
    ),
    "xls_binary": (Title(zh="旧版 .xls 文件", en="an old binary workbook (.xls)"), _WORKBOOK),
    "xlsb_binary": (Title(zh="二进制工作簿 .xlsb", en="a binary workbook (.xlsb)"), _WORKBOOK),
    "sheet": (
        Title(zh="找不到约定的工作表", en="the agreed sheet is not there"),
        Title(zh="将数据放在约定名称的工作表中", en="put the data into the sheet of the agreed name"),
    ),
    "sheet_order": (Title(zh="工作表的行列次序混乱", en="rows or cells of the sheet are out of order"), _WORKBOOK),
    "footer": (
        Title(zh="合计行之后还有数据", en="rows follow the footer"),
        Title(zh="将合计行放在最后，其后不得再有数据", en="put the totals last"),
    ),
    "formula_without_value": (
        Title(zh="整列公式没有保存计算结果", en="a column of formulas without saved values"),
        RECORD_RULES["formula_without_value"][1],
    ),
    "date_system": (
        Title(
            zh="工作簿的日期系统（1900/1904）与约定不符", en="the workbook counts days from another year than agreed"
        ),
        Title(
            zh="在 Excel 选项中取消“使用 1904 日期系统”后重新保存，或与数据湖管理方商定",
            en="change the 1904 date system in Excel's options and save, or agree the other one",
        ),
    ),
    "column_type": (Title(zh="列的数据类型与约定不符", en="a column is of another type than agreed"), _DECLARED),
    "parquet_damaged": (Title(zh="Parquet 文件已损坏", en="the Parquet file is damaged"), _AGAIN),
    "parquet_encrypted": (Title(zh="Parquet 文件已加密", en="the Parquet file is encrypted"), _DECLARED),
    "parquet_unsafe": (Title(zh="Parquet 文件不安全", en="the Parquet file is unsafe"), _AGAIN),
    "nothing_in_span": (
        Title(zh="文件中没有所报时段的记录", en="no record lies in the span that was declared"),
        Title(zh="核对时段后重新报送", en="check the span, and send it again"),
    ),
    "internal_error": (Title(zh="处理失败（系统缺陷）", en="it could not be processed"), _OPERATORS),
}
"""Words and what to do, by rule."""
