cat > parcel/Dockerfile <<'END'
FROM drydock/python:1.0 AS tests
WORKDIR /app
COPY . .

FROM drydock/python:1.0
WORKDIR /app
COPY --from=tests /app/parcel.py .
USER 10001
EXPOSE 8080
CMD ["python3", "parcel.py"]
END
cd parcel
git init --quiet
git add .
git commit --quiet --message "Parcel 1.0"
git remote add origin git://runner/parcel.git
git push origin main
