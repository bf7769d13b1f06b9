# Trains on penguins.csv, scores on rows held out, saves the model, and asks the saved model about one penguin.

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

data = pd.read_csv("penguins.csv")
x, y = data.drop(columns="species"), data["species"]
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, stratify=y, random_state=1)

encoder = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object)),
)
network = MLPClassifier(
    hidden_layer_sizes=(64, 32),
    learning_rate_init=0.003,
    batch_size=32,
    early_stopping=True,
    n_iter_no_change=20,
    random_state=1,
)
trained = make_pipeline(encoder, network).fit(train_x, train_y)
print("test accuracy", trained.score(test_x, test_y))
joblib.dump(trained, "penguins.joblib")

model = joblib.load("penguins.joblib")
row = pd.DataFrame(
    {
        "island": ["Dream"],
        "bill_length_mm": [39.5],
        "bill_depth_mm": [17.4],
        "flipper_length_mm": [186],
        "body_mass_g": [3800],
        "sex": ["female"],
    }
)
print(model.predict(row)[0], model.predict_proba(row).max())
