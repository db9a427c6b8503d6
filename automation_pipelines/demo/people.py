"""Invented names of people in many scripts, each beside a plain spelling for addresses. Data only."""
# ruff: noqa: E501, RUF001 - names as their bearers write them

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Given and family names of one tradition, as `(written, plain)` pairs."""

    locale: str
    given: tuple[tuple[str, str], ...]
    family: tuple[tuple[str, str], ...]


def _names(locale: str, given: str, family: str) -> Names:
    def pairs(words: str) -> tuple[tuple[str, str], ...]:
        # `_` stands for a blank within one name.
        parts = (word.partition("=") for word in words.split())
        return tuple((written.replace("_", " "), plain or written.lower()) for written, _, plain in parts)

    return Names(locale, pairs(given), pairs(family))


TRADITIONS: dict[str, Names] = {
    "english": _names(
        "en-GB",
        "Alice Oliver Grace Henry Zoë=zoe Chloé=chloe George Ruby Amelia Jack Evie Theo",
        "Smith Taylor O'Brien=obrien Patel Hughes Wright Walker Thompson D'Arcy=darcy Evans Ashworth Okafor",
    ),
    "irish": _names(
        "en-IE",
        "Siobhán=siobhan Seán=sean Aoife Niamh Pádraig=padraig Róisín=roisin Conor Órla=orla",
        "O'Connor=oconnor Ní_Bhriain=nibhriain Mac_Giolla=macgiolla O'Shea=oshea Byrne Doyle O’Neill=oneill",
    ),
    "french": _names(
        "fr-FR",
        "Élodie=elodie François=francois Hélène=helene Noël=noel Anaïs=anais Théo=theo Camille Loïc=loic",
        "Lefèvre=lefevre D'Amboise=damboise Müller-Roux=mueller-roux Bérard=berard Dubois L'Hôte=lhote Garçon=garcon",
    ),
    "german": _names(
        "de-DE",
        "Jürgen=juergen Käthe=kaethe Björn=bjoern Lena Günther=guenther Sören=soeren Friederike Maximilian",
        "Weiß=weiss Schröder=schroeder Müller=mueller von_Bülow=vonbuelow Köhler=koehler Bauer Groß=gross",
    ),
    "spanish": _names(
        "es-CL",
        "José=jose Lucía=lucia Íñigo=inigo Begoña=begona Martín=martin Sofía=sofia Andrés=andres Ana",
        "Núñez=nunez Ibáñez=ibanez de_la_Cruz=delacruz Muñoz=munoz García=garcia Peña=pena Soto",
    ),
    "portuguese": _names(
        "pt-BR",
        "João=joao Conceição=conceicao Inês=ines Luís=luis Mariana Tomás=tomas Letícia=leticia Caio",
        "Gonçalves=goncalves d'Ávila=davila Assunção=assuncao Sá=sa Araújo=araujo Ferreira Magalhães=magalhaes",
    ),
    "polish": _names(
        "pl-PL",
        "Łukasz=lukasz Małgorzata=malgorzata Zbigniew Żaneta=zaneta Wojciech Agnieszka Michał=michal",
        "Wiśniewski=wisniewski Dąbrowska=dabrowska Wójcik=wojcik Zając=zajac Źrebiec=zrebiec Król=krol",
    ),
    "nepali": _names(
        "ne-NP",
        "आरती=aarati बिशाल=bishal सीता=sita प्रकाश=prakash सुनिता=sunita Pemba Tenzing",
        "श्रेष्ठ=shrestha गुरुङ=gurung थापा=thapa तामाङ=tamang Sherpa Rai",
    ),
    "indian": _names(
        "hi-IN",
        "अनन्या=ananya रोहन=rohan Priya Arjun தமிழ்=tamizh মিতা=mita Kavya Vikram",
        "शर्मा=sharma அய்யர்=iyer চট্টোপাধ্যায়=chattopadhyay Reddy Nair D'Souza=dsouza Singh",
    ),
    "japanese": _names(
        "ja-JP",
        "陽菜=hina 蓮=ren さくら=sakura 健太=kenta 美咲=misaki 大輔=daisuke ユリ=yuri",
        "佐藤=sato 鈴木=suzuki 髙橋=takahashi 渡邉=watanabe 山本=yamamoto 小林=kobayashi",
    ),
    "chinese": _names(
        "zh-CN",
        "伟=wei 芳=fang 秀英=xiuying 娜=na 思远=siyuan 雨桐=yutong",
        "王=wang 李=li 张=zhang 欧阳=ouyang 陈=chen 吕=lyu",
    ),
    "korean": _names(
        "ko-KR",
        "민준=minjun 서연=seoyeon 지우=jiwoo 하은=haeun 도윤=doyun",
        "김=kim 이=lee 박=park 최=choi 남궁=namgung",
    ),
    "arabic": _names(
        "ar-AE",
        "فاطمة=fatima محمد=mohammed ليلى=layla عمر=omar نور=nour يوسف=yousef",
        "الحداد=alhaddad خوري=khoury المنصوري=almansoori حسن=hassan عبد_الله=abdullah",
    ),
    "hebrew": _names(
        "he-IL", "נועה=noa דוד=david תמר=tamar איתן=eitan", "כהן=cohen לוי=levi בן־דוד=bendavid פרץ=peretz"
    ),
    "cyrillic": _names(
        "uk-UA",
        "Олена=olena Дмитро=dmytro Соломія=solomiia Юрій=yurii Мар'яна=mariana Іван=ivan",
        "Шевченко=shevchenko Ковальчук=kovalchuk Д'яченко=diachenko Їжакевич=izhakevych Щербак=shcherbak",
    ),
    "greek": _names(
        "el-GR",
        "Ελένη=eleni Γιώργος=giorgos Μαρία=maria Νίκος=nikos",
        "Παπαδόπουλος=papadopoulos Ιωάννου=ioannou Ξένος=xenos",
    ),
    "thai": _names(
        "th-TH", "สมชาย=somchai มาลี=malee ณัฐ=nat พิมพ์=pim", "ใจดี=jaidee ศรีสุข=srisuk วงศ์ทอง=wongthong"
    ),
    "vietnamese": _names(
        "vi-VN",
        "Hương=huong Đức=duc Thảo=thao Quỳnh=quynh Tuấn=tuan",
        "Nguyễn=nguyen Trần=tran Phạm=pham Đặng=dang Vũ=vu",
    ),
    "polynesian": _names(
        "mi-NZ",
        "Mānu=manu Aroha Wīremu=wiremu Kahurangi Hōne=hone Teuila Tāne=tane",
        "Te_Rangi=terangi Pōtiki=potiki Ngāpō=ngapo Tu'uga=tuuga Paki Fa'asavalu=faasavalu",
    ),
    "turkish": _names(
        "tr-TR",
        "İpek=ipek Çağla=cagla Gökhan=goekhan Işıl=isil Şükrü=suekrue",
        "Yılmaz=yilmaz Öztürk=oeztuerk Şahin=sahin Çelik=celik Ağaoğlu=agaoglu",
    ),
}
